"""INbreast as published: INbreast.csv, and full-field digital mammograms as DICOM (or PNG, JPEG).

Source: I. C. Moreira et al., "INbreast: toward a full-field digital mammographic database", Academic Radiology 19(2),
2012, and the archive's own table and file names.
"""

import re
from collections import defaultdict
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from medhash.archives.entries import REASONS, Entries, Rejection, SourceFile, require_offered
from medhash.archives.files import IMAGE_SUFFIXES, most_bytes, storable, tree_files, tree_paths
from medhash.archives.known import Known
from medhash.archives.readers.csv_tables import plain_or_packed, read_rows
from medhash.archives.readers.terms import MAX_AGE, TOP_AGE
from medhash.core.errors import MedhashError
from medhash.core.params.ingest import InbreastParams, IngestParams

_TABLE = "INbreast.csv"
_TITLES = {
    "patient": ("patient id",),
    "age": ("patient age",),
    "side": ("laterality",),
    "view": ("view",),
    "date": ("acquisition date",),
    "film": ("file name",),
    "density": ("acr",),
    "bi_rads": ("bi-rads",),
}
_VIEWS = ("CC", "MLO", "FB")
"""FB, from below, occurs in one published row."""
_REMOVED = ("", "removed")
_DENSITIES = ("1", "2", "3", "4")
_AGE = re.compile(r"0*(\d{1,3})Y?", re.ASCII)
_BAGS = ("image", "breast", "patient")
_SUFFIXES = (".dcm", *IMAGE_SUFFIXES)
_NAME = re.compile(r"(?P<film>\d+)(_(?P<patient>[0-9a-f]{16})(_.*)?|_MG_.*)?", re.IGNORECASE | re.ASCII)
"""22678622_61b13c59bcba149e_MG_R_CC_ANON.dcm: the film, its patient under a hash, modality, side, view."""
_COLUMNS = (
    "line",
    "source_name",
    "patient",
    "study",
    "view",
    "laterality",
    "age",
    "labels",
    "labels:density",
    "breast",
)


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


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per film, labelled by its BI-RADS assessment through ingest.inbreast.bi_rads.

    The public table's patients are removed. The patient is the one in the table, else the hash in the film's file
    name; without either the film is refused. A breast is one side of a patient, at any date. A study is a patient's
    films of one month.
    Raises MedhashError if there is no table, if neither table nor file names give any patient (folds could then not
    keep patients apart), and for other bags than image, breast and patient.
    """
    require_offered(settings.bags.by, _BAGS, "inbreast")
    rows, rejections, n_rows = read_films(archive, settings.inbreast)
    hashes = _patients_of_files(archive)
    rejections = [_with_patients(rejection, hashes) for rejection in rejections]
    films, patients = [], []
    for row in rows:
        whom = {row.patient} if row.patient else hashes.get(row.film, set())
        if len(whom) == 1:
            films.append(row)
            patients.append(next(iter(whom)))
        else:
            reason = "ambiguous_file" if whom else "missing_image" if row.film not in hashes else "empty_patient"
            detail = (
                "files of two patients have the film's number"
                if whom
                else REASONS[reason]
                if reason == "missing_image"
                else "neither the table nor the file's name gives the patient"
            )
            rejections.append(Rejection(reason, detail, row.line, row.film, patients=tuple(sorted(whom))))
    if rows and not films:
        raise MedhashError(
            f"neither {_TABLE} (its patients are removed) nor the file names in {archive} give the patients; folds "
            "could not keep patients apart",
            "put the films there under their published names (22678622_<patient's hash>_MG_R_CC_ANON.dcm; empty files "
            "are enough for --metadata-only), or fill in Patient ID in the table",
        )
    frame = (
        pd.DataFrame(
            [_entry(row, patient) for row, patient in zip(films, patients, strict=True)], columns=list(_COLUMNS)
        )
        .set_index("line")
        .sort_index()
    )
    if settings.bags.by != "image":
        frame["bag"] = frame[settings.bags.by]
    constant = {"sex": None, "width": np.nan, "height": np.nan, "pixel_spacing": np.nan, "official_fold": None}
    names = {row.film for row in rows} | {rejection.source_name for rejection in rejections} - {""}
    return Entries(
        _TABLE,
        "pathology",
        "mammography",
        "breast",
        frame.drop(columns="breast").assign(**constant),
        frozenset(names),
        n_rows,
        rejections,
        _patients_of,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every image file, by the number of its film. Raises MedhashError where a folder cannot be listed."""
    rows, rejections, _ = read_films(archive, settings.inbreast)
    listed = {row.film for row in rows} | {rejection.source_name for rejection in rejections}
    yield from tree_files(archive, most_bytes(settings), lambda path: _name_of(path, listed), _SUFFIXES, known)


def read_films(archive: Path, settings: InbreastParams) -> tuple[list[FilmRow], list[Rejection], int]:
    """Good rows, refused rows and the number of rows. Raises MedhashError where there is no table, or it is none."""
    path = plain_or_packed(archive, _TABLE)
    if path is None:
        raise MedhashError(
            f"{archive} holds no {_TABLE} (plain or .gz)",
            "set ingest.archive to the folder that holds INbreast as published",
        )
    rows: list[FilmRow] = []
    rejections: list[Rejection] = []
    first: dict[str, int] = {}
    for line, cells in read_rows(path, _TITLES, ";"):
        found = _row(line, cells, settings)
        if isinstance(found, FilmRow) and first.setdefault(found.film, line) != line:
            found = Rejection(
                "duplicate_row",
                f"row {first[found.film]} describes the same image",
                line,
                found.film,
                patients=_patients(found.patient),
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
        return Rejection(reason, detail or REASONS[reason], line, film, value, _patients(patient))

    if not film:
        return refuse("empty_image_name", "File Name is empty")
    if not (film.isascii() and film.isdigit()):
        return refuse("malformed_name", "File Name is no number", film)
    if cells["side"] not in ("L", "R"):
        return refuse("unknown_laterality", "Laterality is neither L nor R", cells["side"])
    if cells["view"] not in _VIEWS:
        return refuse("unknown_view", f"View is none of {', '.join(_VIEWS)}", cells["view"])
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


def _patients(patient: str) -> tuple[str, ...]:
    return (patient,) if patient else ()


def _name_of(path: str, listed: set[str]) -> str:
    """The film's number; a file whose film has no row keeps its own name, which holds the patient."""
    stem = PurePosixPath(path).stem
    found = _NAME.fullmatch(stem)
    return found["film"] if found and found["film"] in listed else stem


def _patients_of(name: str) -> tuple[str, ...]:
    found = _NAME.fullmatch(name)
    return (found["patient"].lower(),) if found and found["patient"] else ()


def _patients_of_files(archive: Path) -> dict[str, set[str]]:
    """Film → the hashes in the names of its files, of which there may be none."""
    hashes: dict[str, set[str]] = defaultdict(set)
    for path in tree_paths(archive, _SUFFIXES):
        stem = PurePosixPath(storable(path.name)).stem
        if found := _NAME.fullmatch(stem):
            hashes[found["film"]].update(_patients_of(stem))
    return dict(hashes)


def _with_patients(rejection: Rejection, hashes: dict[str, set[str]]) -> Rejection:
    """The same with the patients of its files, so that a forgotten patient's refusals are left out too."""
    films = {rejection.source_name, *rejection.value.split(";")}
    whom = {patient for film in films for patient in hashes.get(film.strip(), ())}
    return replace(rejection, patients=tuple(sorted({*rejection.patients, *whom})))


def _entry(row: FilmRow, patient: str) -> tuple[object, ...]:
    return (
        row.line,
        row.film,
        patient,
        f"{patient}\0{row.date}",
        row.view,
        row.side,
        np.nan if row.age is None else row.age,
        row.label,
        row.density,
        f"{patient}\0{row.side}",
    )
