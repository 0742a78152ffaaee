"""mini-MIAS as published: Info.txt, and a film of either breast of each patient as PGM (or PNG), packed or loose.

Source: J. Suckling et al., "The Mammographic Image Analysis Society Digital Mammogram Database", Exerpta Medica
International Congress Series 1069, 1994, and the archive's own Info.txt.
"""

from collections.abc import Generator
from dataclasses import replace
from itertools import groupby
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from components.ingest.entries import Entries, Rejection, SourceFile
from components.ingest.known import Known
from components.ingest.sources.bag_choice import require_offered
from components.ingest.sources.files import most_bytes, tar_files, tree_files
from components.ingest.sources.mias_table import FRAME, INFO, TARS, InfoLine, film_name, patient_of, read_info
from components.params import IngestParams

BAGS = ("image", "patient")
"""A breast has one film."""
SEVERITY = ("malignant", "benign", "normal")
"""The worst first."""
_SUFFIXES = (".pgm", ".png")
_SHOWN = 10


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per film under the number of its first line: the worst severity, all abnormalities, the tissue.

    Regions are the squares around the published circles, in the published frame of 1024 × 1024 px. A film whose
    abnormalities have no coordinates is taken, without regions, and its line is printed. A film that is called normal
    and abnormal, or has two tissues, is refused whole; a line that stands there twice, the second time.
    Raises MedhashError where there is no Info.txt, and for bags that are neither image nor patient.
    """
    require_offered(settings.bags.by, BAGS, "mias")
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
            f"{INFO}; ingest.cut.into: regions cuts them, and the normal ones, by its grid"
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
        INFO,
        "pathology",
        "mammography",
        "breast",
        frame.assign(**constant),
        frozenset(names - {""}),
        n_lines,
        rejections,
        _patients_of,
        frame=FRAME,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every film, of tars first, then of folders. Raises MedhashError where a tar is unsafe or damaged."""
    max_bytes = most_bytes(settings)
    for tar in sorted(path for pattern in TARS for path in archive.glob(pattern)):
        for file in tar_files(tar, max_bytes, _SUFFIXES, known=known.named(_name_of) if known else None):
            yield replace(file, name=_name_of(file.name))
    yield from tree_files(archive, max_bytes, _name_of, _SUFFIXES, known)


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


def _row(lines: list[InfoLine]) -> tuple[object, ...]:
    """A film's lines as one row of _COLUMNS."""
    film, patient = lines[0].film, patient_of(lines[0].film)
    worst = min((line.pathology for line in lines), key=SEVERITY.index)
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
