"""mini-MIAS's Info.txt: a head in prose, then a line for every abnormality and for every normal film."""

import re
from pathlib import Path
from typing import NamedTuple

from components.errors import MedhashError
from components.ingest.entries import REASONS, Rejection
from components.ingest.sources.files import tar_files

INFO = "Info.txt"
TARS = ("*.tar.gz", "*.tgz", "*.tar")
FRAME = (1024, 1024)
"""(w, h) px of every published film, in which coordinates are given."""
TISSUES = {"F": "fatty", "G": "fatty-glandular", "D": "dense-glandular"}
SEVERITIES = {"B": "benign", "M": "malignant"}
ABNORMALITIES = ("CALC", "CIRC", "SPIC", "MISC", "ARCH", "ASYM")
NORMAL = "NORM"
_FILM = re.compile(r"mdb(\d{3})", re.IGNORECASE | re.ASCII)
_NOTE = "*NOTE"
"""Stands where calcifications are too widely spread for coordinates; so does nothing at all."""
_MAX_BYTES = 1 << 20


class InfoLine(NamedTuple):
    """One line of the table. `abnormality` is empty of a normal film; `region` is (x, y, w, h) px from the left top."""

    line: int
    film: str
    tissue: str
    pathology: str
    abnormality: str = ""
    region: tuple[int, int, int, int] | None = None


def film_name(text: str) -> str | None:
    """`mdb001` of a text that is a film's reference number, whatever the case of its letters."""
    return text.lower() if _FILM.fullmatch(text) else None


def patient_of(film: str) -> str:
    """Films 2k - 1 and 2k are the left and the right breast of patient k."""
    return str((int(film[3:]) + 1) // 2)


def read_info(archive: Path) -> tuple[list[InfoLine], list[Rejection], int]:
    """Good lines, refused lines and the number of lines, of Info.txt beside the films or in their tar.

    Raises MedhashError where there is none, or none that is text with a line for a film.
    """
    text = _text(archive)
    lines: list[InfoLine] = []
    rejections: list[Rejection] = []
    begun = False
    for number, content in enumerate(text.splitlines(), 1):
        fields = content.split()
        begun = begun or (bool(fields) and fields[0].lower().startswith("mdb"))
        if not begun or not fields or set(content.strip()) == {"="}:
            continue
        found = _line(number, fields)
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            lines.append(found)
    if not begun:
        raise MedhashError(f"{archive / INFO} has no line for a film (mdb001 …)", "restore it as published")
    return lines, rejections, len(lines) + len(rejections)


def _text(archive: Path) -> str:
    path = next(iter(sorted(path for pattern in (INFO, f"*/{INFO}") for path in archive.glob(pattern))), None)
    data = (
        path.read_bytes()
        if path
        else next(
            (
                file.data
                for pattern in TARS
                for tar in sorted(archive.glob(pattern))
                for file in tar_files(tar, _MAX_BYTES, (INFO.lower(),))
            ),
            None,
        )
    )
    if data is None:
        raise MedhashError(
            f"{archive} holds no {INFO}, nor does a tar there",
            "set ingest.archive to the folder that holds mini-MIAS as published",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MedhashError(f"{path or INFO}: not text at byte {error.start}", "restore it as published") from error


def _line(number: int, fields: list[str]) -> InfoLine | Rejection:
    """The published forms: `mdb003 D NORM`, `mdb001 G CIRC B 535 425 197`, `mdb059 F CIRC B`, `… CALC M *NOTE 3*`."""
    film = film_name(fields[0])
    value = " ".join(fields)

    def refuse(reason: str, detail: str = "") -> Rejection:
        whom = (patient_of(film),) if film else ()
        return Rejection(reason, detail or REASONS[reason], number, film or "", value, whom)

    if film is None:
        return refuse("malformed_row", "the line does not begin with a film's reference number")
    if len(fields) < 3 or (fields[2] == NORMAL and len(fields) > 3):
        return refuse("malformed_row", f"{len(fields)} fields in the line")
    if fields[1] not in TISSUES:
        return refuse("unknown_finding", "the tissue is none of F, G, D")
    if fields[2] == NORMAL:
        return InfoLine(number, film, TISSUES[fields[1]], "normal")
    if fields[2] not in ABNORMALITIES:
        return refuse("unknown_finding", f"the abnormality is none of {', '.join((*ABNORMALITIES, NORMAL))}")
    if len(fields) < 4 or fields[3] not in SEVERITIES:
        return refuse("unknown_pathology", "the severity is none of B, M")
    row = InfoLine(number, film, TISSUES[fields[1]], SEVERITIES[fields[3]], fields[2].lower())
    if len(fields) == 4 or fields[4] == _NOTE:
        return row
    region = _region(fields[4:])
    if region is None:
        return refuse("no_coordinates", f"x, y and radius are not three whole numbers within {FRAME[0]}×{FRAME[1]} px")
    return row._replace(region=region)


def _region(fields: list[str]) -> tuple[int, int, int, int] | None:
    """The square around the circle (x, y, radius), whose y counts from the bottom of the film."""
    if len(fields) != 3 or not all(field.isascii() and field.isdigit() and len(field) < 5 for field in fields):
        return None
    x, y, radius = map(int, fields)
    if not radius or x > FRAME[0] or y > FRAME[1]:
        return None
    return x - radius, FRAME[1] - y - radius, 2 * radius, 2 * radius
