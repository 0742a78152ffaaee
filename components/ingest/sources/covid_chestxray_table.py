"""A line of metadata.csv of the COVID-19 Image Data Collection: what is read of it, and what its cells mean."""

import difflib
import math
import re

from components.ingest.entries import Rejection
from components.ingest.sources.nih_table import MAX_AGE, TOP_AGE

TABLE = "metadata.csv"
COLUMNS = {
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
MODALITIES = {"X-ray": "xray", "CT": "ct"}
VIEWS = {"PA": "PA", "AP": "AP", "AP Supine": "AP", "AP semi erect": "AP", "AP erect": "AP", "L": "LATERAL"}
"""Others, such as the planes of CT, are not known."""
FINDINGS = (
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

Row = tuple[str, str, str, str, str, str | None, str | None, float]
"""source_name, patient, study, labels, modality, view, sex, age."""


def left_out(cells: dict[str, str], lateral: bool) -> str:
    """What a row describes that is not taken, in words; empty where it is taken."""
    if cells["folder"] == "volumes" or cells["name"].lower().endswith(_VOLUMES):
        return "NIfTI volumes"
    return "lateral views" if VIEWS.get(cells["view"]) == "LATERAL" and not lateral else ""


def read_row(line: int, cells: dict[str, str] | list[str], first: dict[str, int]) -> Row | Rejection:
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
    strange = next((label for label in labels if label not in FINDINGS), "")
    earlier = first.setdefault(name, line) if name else line
    if not name:
        return Rejection("empty_image_name", "filename is empty", line, patients=patients)
    if earlier != line:
        return Rejection("duplicate_row", f"row {earlier} describes the same image", line, name, patients=patients)
    if not patient:
        return Rejection("empty_patient", "patientid is empty", line, name)
    if cells["modality"] not in MODALITIES:
        return Rejection(
            "unknown_modality", f"modality is none of {', '.join(MODALITIES)}", line, name, cells["modality"], patients
        )
    if strange:
        near = difflib.get_close_matches(strange, FINDINGS, n=1)
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
        MODALITIES[cells["modality"]],
        VIEWS.get(cells["view"]),
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
