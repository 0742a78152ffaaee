"""INbreast.csv: a row per film, separated by `;`, with its BI-RADS assessment and density."""

import re
from pathlib import Path
from typing import NamedTuple

from components.errors import MedhashError
from components.ingest.entries import REASONS, Rejection
from components.ingest.sources.nih_table import MAX_AGE, TOP_AGE
from components.ingest.sources.published_csv import plain_or_packed, read_rows
from components.params import InbreastParams

TABLE = "INbreast.csv"
COLUMNS = {
    "patient": ("patient id",),
    "age": ("patient age",),
    "side": ("laterality",),
    "view": ("view",),
    "date": ("acquisition date",),
    "film": ("file name",),
    "density": ("acr",),
    "bi_rads": ("bi-rads",),
}
VIEWS = ("CC", "MLO", "FB")
"""FB, from below, stands in one published row."""
_REMOVED = ("", "removed")
_DENSITIES = ("1", "2", "3", "4")
_AGE = re.compile(r"0*(\d{1,3})Y?", re.ASCII)


class FilmRow(NamedTuple):
    """A row. patient: empty where the table does not say, as in the published one."""

    line: int
    film: str
    patient: str
    date: str
    side: str
    view: str
    age: float | None
    label: str
    density: str


def read_table(archive: Path, settings: InbreastParams) -> tuple[list[FilmRow], list[Rejection], int]:
    """Good rows, refused rows and the number of rows. Raises MedhashError where there is no table, or it is none."""
    path = plain_or_packed(archive, TABLE)
    if path is None:
        raise MedhashError(
            f"{archive} holds no {TABLE} (plain or .gz)",
            "set ingest.archive to the folder that holds INbreast as published",
        )
    rows: list[FilmRow] = []
    rejections: list[Rejection] = []
    first: dict[str, int] = {}
    for line, cells in read_rows(path, COLUMNS, ";"):
        found = _row(line, cells, settings)
        if isinstance(found, FilmRow) and first.setdefault(found.film, line) != line:
            found = Rejection(
                "duplicate_row",
                f"row {first[found.film]} describes the same image",
                line,
                found.film,
                patients=_told(found.patient),
            )
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            rows.append(found)
    if not rows and not rejections:
        raise MedhashError(f"{path} has a header and no rows", "restore the table as published")
    return rows, rejections, len(rows) + len(rejections)


def _row(line: int, cells: dict[str, str] | list[str], settings: InbreastParams) -> FilmRow | Rejection:
    if isinstance(cells, list):
        return Rejection("malformed_row", REASONS["malformed_row"], line, value=";".join(cells), patients=tuple(cells))
    film, patient = cells["film"], "" if cells["patient"].lower() in _REMOVED else cells["patient"]

    def refuse(reason: str, detail: str = "", value: str = "") -> Rejection:
        return Rejection(reason, detail or REASONS[reason], line, film, value, _told(patient))

    if not film:
        return refuse("empty_image_name", "File Name is empty")
    if not (film.isascii() and film.isdigit()):
        return refuse("malformed_name", "File Name is no number", film)
    if cells["side"] not in ("L", "R"):
        return refuse("unknown_laterality", "Laterality is neither L nor R", cells["side"])
    if cells["view"] not in VIEWS:
        return refuse("unknown_view", f"View is none of {', '.join(VIEWS)}", cells["view"])
    if cells["bi_rads"] not in settings.bi_rads:
        return refuse(
            "unknown_pathology", "Bi-Rads is none that ingest.inbreast.bi_rads gives a label", cells["bi_rads"]
        )
    years = _AGE.fullmatch(cells["age"])
    age = float(years[1]) if years and int(years[1]) <= MAX_AGE else None
    return FilmRow(
        line,
        film,
        patient,
        cells["date"],
        cells["side"],
        cells["view"],
        age and min(age, TOP_AGE),
        settings.bi_rads[cells["bi_rads"]],
        cells["density"] if cells["density"] in _DENSITIES else "",
    )


def _told(patient: str) -> tuple[str, ...]:
    return (patient,) if patient else ()
