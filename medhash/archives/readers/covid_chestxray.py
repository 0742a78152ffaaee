"""Cohen's COVID-19 Image Data Collection as published: metadata.csv, and radiographs and CT slices in images/.

Source: J. P. Cohen et al., "COVID-19 Image Data Collection: Prospective Predictions Are the Future", Journal of Machine
Learning for Biomedical Imaging 1, 2020, and the collection's own metadata.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pandas as pd

from medhash.archives.entries import Entries, Rejection, SourceFile, require_offered
from medhash.archives.files import folder_files, most_bytes
from medhash.archives.known import Known
from medhash.archives.readers.csv_tables import plain_or_packed, read_rows
from medhash.archives.readers.terms import MAX_AGE, TOP_AGE
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

_TABLE = "metadata.csv"
_TITLES = {
    "patient": ("patientid",),
    "day": ("offset",),
    "finding": ("finding",),
    "view": ("view",),
    "modality": ("modality",),
    "sex": ("sex",),
    "age": ("age",),
    "folder": ("folder",),
    "name": ("filename",),
}
"""Name here → its published title. No other column is read."""
_MODALITIES = {"X-ray": "xray", "CT": "ct"}
_VIEWS = {"PA": "PA", "AP": "AP", "AP Supine": "AP", "AP semi erect": "AP", "AP erect": "AP", "L": "LATERAL"}
"""Others, such as the planes of CT, are not known."""
_FINDINGS = (
    "No Finding",
    "Pneumonia",
    "Viral",
    "COVID-19",
    "SARS",
    "MERS-CoV",
    "Influenza",
    "H1N1",
    "Varicella",
    "Herpes",
    "Bacterial",
    "Streptococcus",
    "Klebsiella",
    "E.Coli",
    "Mycoplasma",
    "Mycoplasma Bacterial Pneumonia",
    "Legionella",
    "Nocardia",
    "Staphylococcus",
    "MRSA",
    "Chlamydophila",
    "Fungal",
    "Pneumocystis",
    "Aspergillosis",
    "Lipoid",
    "Aspiration",
    "Tuberculosis",
    "ARDS",
)
"""Findings of all releases. Another one refuses its row, so that no free text passes."""
_NOT_KNOWN = ("todo", "unknown", "")
_VOLUMES = (".nii", ".nii.gz")
_Row = tuple[str, str, str, str, str, str | None, str | None, float]
"""source_name, patient, study, labels, modality, view, sex, age."""
_BAGS = ("image", "study", "patient")
_COLUMNS = ("source_name", "patient", "study", "labels", "modality", "view", "sex", "age")
_UNKNOWN = {"width": None, "height": None, "pixel_spacing": None, "official_fold": None}


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per line of metadata.csv, labelled under `pathology`; a study is a patient's images of one day.

    Only patient, day, finding, view, modality, sex, age, folder and file name are read, as notes, places, addresses
    and publications identify. `todo` and `Unknown` are no labels. Prints how many lateral views (unless
    ingest.covid_chestxray.lateral) and NIfTI volumes are left out.
    Raises MedhashError where the table is absent or lacks a column.
    """
    require_offered(settings.bags.by, _BAGS, "covid_chestxray")
    table = plain_or_packed(archive, _TABLE)
    if table is None:
        raise MedhashError(
            f"{archive} holds no {_TABLE}",
            "set ingest.archive to the folder that holds the COVID-19 Image Data Collection as published",
        )
    rows, index, rejections = [], [], []
    n_left_out: Counter[str] = Counter()
    names: dict[str, int] = {}
    in_malformed: set[str] = set()
    for line, cells in read_rows(table, _TITLES):
        if isinstance(cells, dict) and (why := left_out(cells, settings.covid_chestxray.lateral)):
            n_left_out[why] += 1
            names.setdefault(cells["name"], line)
            continue
        row = _read_row(line, cells, names)
        if isinstance(cells, list):  # so that its file does not count as one without a row
            in_malformed.update(cells)
        if isinstance(row, Rejection):
            rejections.append(row)
        else:
            rows.append(row)
            index.append(line)
    for why, n in sorted(n_left_out.items()):
        print(f"{n:,} {why} are left out")
    frame = pd.DataFrame(rows, index=index, columns=list(_COLUMNS)).assign(**_UNKNOWN)
    if settings.bags.by != "image":
        frame["bag"] = frame[settings.bags.by]
    return Entries(
        _TABLE,
        "pathology",
        "xray",
        "chest",
        frame,
        frozenset(in_malformed.union(names)),
        len(rows) + len(rejections),
        rejections,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every image file of images/ beside the table. Raises MedhashError where there is no such folder."""
    table = plain_or_packed(archive, _TABLE)
    folder = (table.parent if table else archive) / "images"
    if not folder.is_dir():
        raise MedhashError(
            f"{folder} does not exist",
            "fetch the collection's images, or index the table alone with --metadata-only (ingest.metadata_only: true)",
        )
    yield from folder_files(folder, most_bytes(settings), known=known)


def left_out(cells: dict[str, str], lateral: bool) -> str:
    """What a row describes that is not taken, in words; empty where it is taken."""
    if cells["folder"] == "volumes" or cells["name"].lower().endswith(_VOLUMES):
        return "NIfTI volumes"
    return "lateral views" if _VIEWS.get(cells["view"]) == "LATERAL" and not lateral else ""


def _read_row(line: int, cells: dict[str, str] | list[str], first: dict[str, int]) -> _Row | Rejection:
    """A row, or why there is none; the first fault counts.

    first: file name → the line that named it first; this one's is added.
    """
    if isinstance(cells, list):
        return Rejection(
            "malformed_row",
            f"{len(cells)} fields, which is not what the header has",
            line,
            value=",".join(cells),
            patients=tuple(filter(None, cells)),
        )
    name, patient = cells["name"], cells["patient"]
    patients = (patient,) if patient else ()
    labels = findings(cells["finding"])
    strange = next((label for label in labels if label not in _FINDINGS), "")
    earlier = first.setdefault(name, line) if name else line
    if not name:
        return Rejection("empty_image_name", "filename is empty", line, patients=patients)
    if earlier != line:
        return Rejection("duplicate_row", f"row {earlier} describes the same image", line, name, patients=patients)
    if not patient:
        return Rejection("empty_patient", "patientid is empty", line, name)
    if cells["modality"] not in _MODALITIES:
        return Rejection(
            "unknown_modality", f"modality is none of {', '.join(_MODALITIES)}", line, name, cells["modality"], patients
        )
    if strange:
        near = difflib.get_close_matches(strange, _FINDINGS, n=1)
        return Rejection(
            "unknown_finding",
            "finding holds one that the collection does not list"
            + (f"; the nearest known one is {near[0]}" if near else ""),
            line,
            name,
            strange,
            patients,
        )
    return (
        name,
        patient,
        f"{patient}\0{cells['day'] or name}",
        "|".join(labels),
        _MODALITIES[cells["modality"]],
        _VIEWS.get(cells["view"]),
        cells["sex"] if cells["sex"] in ("F", "M") else None,
        _years(cells["age"]),
    )


def findings(text: str) -> list[str]:
    """`COVID-19, ARDS` names two; of `Pneumonia/Viral/COVID-19` the last part says it most closely."""
    labels = [part.rpartition("/")[2].strip() for part in text.split(",")]
    return list(dict.fromkeys(label for label in labels if label.lower() not in _NOT_KNOWN))


def _years(text: str) -> float:
    """Whole years, 90 and above as 90; NaN where it is not known."""
    found = re.fullmatch(r"(\d{1,3})(\.\d+)?", text, re.ASCII)
    return float(min(int(found[1]), TOP_AGE)) if found and int(found[1]) <= MAX_AGE else math.nan
