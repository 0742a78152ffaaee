"""mini-MIAS as published: Info.txt, and a film of either breast of each patient as PGM (or PNG), packed or loose.

Source: J. Suckling et al., "The Mammographic Image Analysis Society Digital Mammogram Database", Exerpta Medica
International Congress Series 1069, 1994, and the archive's own Info.txt.
"""

import re
from collections.abc import Generator
from dataclasses import replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from medhash.archives.entries import REASONS, Entries, Rejection, SourceFile, require_offered
from medhash.archives.files import most_bytes, tar_files, tree_files
from medhash.archives.known import Known
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

_INFO = "Info.txt"
_TARS = ("*.tar.gz", "*.tgz", "*.tar")
_FRAME = (1024, 1024)
"""(w, h) px of every published film, in which coordinates are given."""
_TISSUES = {"F": "fatty", "G": "fatty-glandular", "D": "dense-glandular"}
_SEVERITIES = {"B": "benign", "M": "malignant"}
_ABNORMALITIES = ("CALC", "CIRC", "SPIC", "MISC", "ARCH", "ASYM")
_NORMAL = "NORM"
_FILM = re.compile(r"mdb(\d{3})", re.IGNORECASE | re.ASCII)
_NOTE = "*NOTE"
"""Stands where calcifications are too widely spread for coordinates; so does nothing at all."""
_MAX_BYTES = 1 << 20
_BAGS = ("image", "patient")
"""A breast has one film."""
_SEVERITY = ("malignant", "benign", "normal")
"""The worst first."""
_SUFFIXES = (".pgm", ".png")
_SHOWN = 10
_COLUMNS = (
    "line",
    "source_name",
    "patient",
    "study",
    "laterality",
    "labels",
    "labels:abnormality",
    "labels:tissue",
    "regions",
)


class InfoLine(NamedTuple):
    """One line of the table. `abnormality` is empty of a normal film; `region` is (x, y, w, h) px from the left top."""

    line: int
    film: str
    tissue: str
    pathology: str
    abnormality: str = ""
    region: tuple[int, int, int, int] | None = None


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per film under the number of its first line: the worst severity, all abnormalities, the tissue.

    Regions are the squares around the published circles, in the published frame of 1024 × 1024 px. A film whose
    abnormalities have no coordinates is taken, without regions, and its line is printed. A film that is both normal
    and abnormal, or has two tissues, is refused whole. A repeated line is refused.
    Raises MedhashError where there is no Info.txt, and for bags that are neither image nor patient.
    """
    require_offered(settings.bags.by, _BAGS, "mias")
    lines, rejections, n_lines = read_info(archive)
    rows, names = [], {rejection.source_name for rejection in rejections} | {line.film for line in lines}
    by_film = sorted(lines, key=lambda line: (line.film, line.line))
    for film, group in groupby(by_film, key=lambda line: line.film):
        found, repeated = _once(list(group))
        rejections += repeated
        if len({(line.tissue, line.pathology == "normal") for line in found}) > 1:
            rejections.append(
                Rejection(
                    "contradicting_labels",
                    "the film's lines disagree on its tissue, or on whether it is normal",
                    found[0].line,
                    film,
                    patients=(patient_of(film),),
                )
            )
        else:
            rows.append(_row(found))
    frame = pd.DataFrame(rows, columns=list(_COLUMNS)).set_index("line").sort_index()
    if settings.bags.by == "patient":
        frame["bag"] = frame["patient"]
    vague = frame.index[(frame["labels"] != "normal") & frame["regions"].isna()]
    if len(vague):
        shown = ", ".join(map(str, vague[:_SHOWN])) + (" …" if len(vague) > _SHOWN else "")
        print(
            f"{len(vague)} abnormal films without coordinates of their abnormality are taken, lines {shown} of "
            f"{_INFO}; ingest.cut.into: regions cuts them, and the normal ones, by its grid"
        )
    constant = {
        "view": "MLO",
        "sex": None,
        "age": np.nan,
        "width": np.nan,
        "height": np.nan,
        "pixel_spacing": np.nan,
        "official_fold": None,
    }
    return Entries(
        _INFO,
        "pathology",
        "mammography",
        "breast",
        frame.assign(**constant),
        frozenset(names - {""}),
        n_lines,
        rejections,
        _patients_of,
        frame=_FRAME,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every film, of tars first, then of folders. Raises MedhashError where a tar is unsafe or damaged."""
    max_bytes = most_bytes(settings)
    for tar in sorted(path for pattern in _TARS for path in archive.glob(pattern)):
        for file in tar_files(tar, max_bytes, _SUFFIXES, known=known.named(_name_of) if known else None):
            yield replace(file, name=_name_of(file.name))
    yield from tree_files(archive, max_bytes, _name_of, _SUFFIXES, known)


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
        raise MedhashError(f"{archive / _INFO} has no line for a film (mdb001 …)", "restore it as published")
    return lines, rejections, len(lines) + len(rejections)


def _text(archive: Path) -> str:
    path = next(iter(sorted(path for pattern in (_INFO, f"*/{_INFO}") for path in archive.glob(pattern))), None)
    data = (
        path.read_bytes()
        if path
        else next(
            (
                file.data
                for pattern in _TARS
                for tar in sorted(archive.glob(pattern))
                for file in tar_files(tar, _MAX_BYTES, (_INFO.lower(),))
            ),
            None,
        )
    )
    if data is None:
        raise MedhashError(
            f"{archive} holds no {_INFO}, nor does a tar there",
            "set ingest.archive to the folder that holds mini-MIAS as published",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MedhashError(f"{path or _INFO}: not text at byte {error.start}", "restore it as published") from error


def _line(number: int, fields: list[str]) -> InfoLine | Rejection:
    """The published forms: `mdb003 D NORM`, `mdb001 G CIRC B 535 425 197`, `mdb059 F CIRC B`, `… CALC M *NOTE 3*`."""
    film = film_name(fields[0])
    value = " ".join(fields)

    def refuse(reason: str, detail: str = "") -> Rejection:
        whom = (patient_of(film),) if film else ()
        return Rejection(reason, detail or REASONS[reason], number, film or "", value, whom)

    if film is None:
        return refuse("malformed_row", "the line does not begin with a film's reference number")
    if len(fields) < 3 or (fields[2] == _NORMAL and len(fields) > 3):
        return refuse("malformed_row", f"{len(fields)} fields in the line")
    if fields[1] not in _TISSUES:
        return refuse("unknown_finding", "the tissue is none of F, G, D")
    if fields[2] == _NORMAL:
        return InfoLine(number, film, _TISSUES[fields[1]], "normal")
    if fields[2] not in _ABNORMALITIES:
        return refuse("unknown_finding", f"the abnormality is none of {', '.join((*_ABNORMALITIES, _NORMAL))}")
    if len(fields) < 4 or fields[3] not in _SEVERITIES:
        return refuse("unknown_pathology", "the severity is none of B, M")
    row = InfoLine(number, film, _TISSUES[fields[1]], _SEVERITIES[fields[3]], fields[2].lower())
    if len(fields) == 4 or fields[4] == _NOTE:
        return row
    region = _region(fields[4:])
    if region is None:
        return refuse("no_coordinates", f"x, y and radius are not whole numbers within {_FRAME[0]}×{_FRAME[1]} px")
    return row._replace(region=region)


def _region(fields: list[str]) -> tuple[int, int, int, int] | None:
    """The square around the circle (x, y, radius), whose y counts from the bottom of the film."""
    if len(fields) != 3 or not all(field.isascii() and field.isdigit() and len(field) < 5 for field in fields):
        return None
    x, y, radius = map(int, fields)
    if not radius or x > _FRAME[0] or y > _FRAME[1]:
        return None
    return x - radius, _FRAME[1] - y - radius, 2 * radius, 2 * radius


def _row(lines: list[InfoLine]) -> tuple[object, ...]:
    """A film's lines as one row of _COLUMNS."""
    film, patient = lines[0].film, patient_of(lines[0].film)
    worst = min((line.pathology for line in lines), key=_SEVERITY.index)
    abnormalities = "|".join(sorted({line.abnormality for line in lines} - {""}))
    regions = tuple(line.region for line in lines if line.region) or None
    return (
        lines[0].line,
        film,
        patient,
        patient,
        "L" if int(film[3:]) % 2 else "R",
        worst,
        abnormalities,
        lines[0].tissue,
        regions,
    )


def _once(lines: list[InfoLine]) -> tuple[list[InfoLine], list[Rejection]]:
    first: dict[InfoLine, int] = {}
    repeated = []
    for line in lines:
        content = line._replace(line=0)
        if first.setdefault(content, line.line) != line.line:
            repeated.append(
                Rejection(
                    "duplicate_row",
                    f"row {first[content]} says the same of the same film",
                    line.line,
                    line.film,
                    patients=(patient_of(line.film),),
                )
            )
    again = {rejection.source_row for rejection in repeated}
    return [line for line in lines if line.line not in again], repeated


def _name_of(path: str) -> str:
    return film_name(PurePosixPath(path).stem) or path


def _patients_of(name: str) -> tuple[str, ...]:
    film = film_name(name)
    return (patient_of(film),) if film else ()
