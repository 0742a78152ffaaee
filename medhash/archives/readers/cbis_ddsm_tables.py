"""CBIS-DDSM's four case tables: a row per abnormality, with the folders that name its film and its cut-out."""

import re
from pathlib import Path
from typing import NamedTuple

from medhash.archives.entries import REASONS, Rejection
from medhash.archives.readers.csv_tables import plain_or_packed, read_rows
from medhash.core.errors import MedhashError
from medhash.core.params.ingest import CbisDdsmParams

TABLES = (
    ("calc_case_description_train_set.csv", "Calc-Training", "train_val"),
    ("calc_case_description_test_set.csv", "Calc-Test", "test"),
    ("mass_case_description_train_set.csv", "Mass-Training", "train_val"),
    ("mass_case_description_test_set.csv", "Mass-Test", "test"),
)
"""File, collection that its cases' folders begin with, fold. Table 1 is the first."""
ROWS_PER_TABLE = 1_000_000
_TITLES = {
    "patient": ("patient_id",),
    "density": ("breast density", "breast_density"),
    "side": ("left or right breast",),
    "view": ("image view",),
    "number": ("abnormality id",),
    "kind": ("abnormality type",),
    "pathology": ("pathology",),
    "image": ("image file path",),
    "crop": ("cropped image file path",),
}
"""Name here → its published titles; the tables of calcifications and of masses differ in one."""
_KINDS = ("calcification", "mass")
_VIEWS = ("CC", "MLO")
SIDES = {"LEFT": "L", "RIGHT": "R"}
_DENSITIES = ("1", "2", "3", "4")
"""BI-RADS; two published rows have a 0, which is none."""
EXCLUDED = ""
_PATIENT = re.compile(r"P_\d+")


class Abnormality(NamedTuple):
    """A row. row: 1,000,000 × table + line. label: EXCLUDED where the settings leave it out. image, crop: the folders
    of the case, which name the film and the cut-out. Of their paths' further parts, the series is kept."""

    row: int
    fold: str
    patient: str
    side: str
    view: str
    kind: str
    number: str
    label: str
    density: str
    image: str
    image_series: str
    crop: str
    crop_series: str

    @property
    def film(self) -> tuple[str, str, str]:
        """Patient, breast and view: a film with calcifications and masses is published once with each."""
        return self.patient, self.side, self.view


class CaseTables(NamedTuple):
    """Good rows, refused rows, how many rows were read, and the collections whose tables are there."""

    rows: list[Abnormality]
    rejections: list[Rejection]
    n_rows: int
    collections: tuple[str, ...]


def read_tables(archive: Path, settings: CbisDdsmParams) -> CaseTables:
    """Read and judge the rows of the tables that are there.

    Raises MedhashError where none is, or one cannot be read.
    """
    rows: list[Abnormality] = []
    rejections: list[Rejection] = []
    collections = []
    for number, (name, collection, fold) in enumerate(TABLES, 1):
        path = plain_or_packed(archive, name)
        if path is None:
            continue
        collections.append(collection)
        for line, cells in read_rows(path, _TITLES):
            found = _row(number * ROWS_PER_TABLE + line, collection, fold, cells, settings)
            if isinstance(found, Rejection):
                rejections.append(found)
            else:
                rows.append(found)
    if not collections:
        raise MedhashError(
            f"{archive} holds none of CBIS-DDSM's case tables (plain or .gz)",
            f"put {', '.join(name for name, _, _ in TABLES)} there, or those of them that you have",
        )
    n_rows = len(rows) + len(rejections)
    rows, repeated = _once(rows)
    return CaseTables(rows, rejections + repeated, n_rows, tuple(collections))


def patients_in(text: str) -> tuple[str, ...]:
    """Whatever in a text looks like one of the archive's patients."""
    return tuple(dict.fromkeys(_PATIENT.findall(text)))


def _row(
    row: int, collection: str, fold: str, cells: dict[str, str] | list[str], settings: CbisDdsmParams
) -> Abnormality | Rejection:
    if isinstance(cells, list):
        text = ",".join(cells)
        return Rejection("malformed_row", REASONS["malformed_row"], row, value=text, patients=patients_in(text))
    patient, side, view, kind = (cells[name] for name in ("patient", "side", "view", "kind"))
    image, crop = f"{collection}_{patient}_{side}_{view}", f"{collection}_{patient}_{side}_{view}_{cells['number']}"
    named = [cells["image"].partition("/")[0], cells["crop"].partition("/")[0]]
    whom = tuple(dict.fromkeys((*([patient] if patient else []), *patients_in(" ".join(named)))))

    def refuse(reason: str, detail: str = "", value: str = "") -> Rejection:
        return Rejection(reason, detail or REASONS[reason], row, named[0], value, whom)

    labels = {
        "MALIGNANT": "malignant",
        "BENIGN": "benign",
        "BENIGN_WITHOUT_CALLBACK": settings.benign_without_callback.replace("exclude", EXCLUDED),
    }
    if not patient:
        return refuse("empty_patient")
    if side not in SIDES:
        return refuse("unknown_laterality", "the breast is neither LEFT nor RIGHT", side)
    if view not in _VIEWS:
        return refuse("unknown_view", f"the view is none of {', '.join(_VIEWS)}", view)
    if cells["pathology"] not in labels:
        return refuse("unknown_pathology", f"the pathology is none of {', '.join(labels)}", cells["pathology"])
    if kind not in _KINDS:
        return refuse("unknown_finding", f"the abnormality type is none of {', '.join(_KINDS)}", kind)
    if not cells["number"].isdecimal():
        return refuse("malformed_row", "the abnormality id is no number", cells["number"])
    if named != [image, crop]:
        return refuse(
            "malformed_name",
            "a path begins with another patient, breast, view or abnormality than the row's columns say",
            " ".join(named),
        )
    return Abnormality(
        row,
        fold,
        patient,
        side,
        view,
        kind,
        cells["number"],
        labels[cells["pathology"]],
        cells["density"] if cells["density"] in _DENSITIES else "",
        image,
        _series(cells["image"]),
        crop,
        _series(cells["crop"]),
    )


def _series(path: str) -> str:
    """The Series Instance UID of `case/study/series/000000.dcm`; empty where the path is built otherwise."""
    parts = path.split("/")
    return parts[2] if len(parts) == 4 else ""


def _once(rows: list[Abnormality]) -> tuple[list[Abnormality], list[Rejection]]:
    """Every abnormality of a film once, whichever tables list it."""
    first: dict[tuple[str, ...], int] = {}
    kept, repeated = [], []
    for row in rows:
        earlier = first.setdefault((*row.film, row.kind, row.number), row.row)
        if earlier == row.row:
            kept.append(row)
        else:
            repeated.append(
                Rejection(
                    "duplicate_row",
                    f"row {earlier} describes the same abnormality of the same film",
                    row.row,
                    row.image,
                    patients=(row.patient,),
                )
            )
    return kept, repeated
