"""A line of a manifest becomes a row, or is refused: its path, its patient, its labels and its bag."""

import difflib
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from components.ingest.entries import Rejection
from components.ingest.sources.manifest_cells import read_cells
from components.params import IngestParams

BAG_COLUMNS = {
    "image": "",
    "study": "study_id",
    "breast": "laterality",
    "slide": "slide_id",
    "patient": "patient_id",
    "table": "bag_id",
}
"""ingest.bags.by → the column it needs. A bag_id holds in the whole archive, the others within their patient."""

Row = dict[str, str | float | None]
"""Columns of entries.Entries.rows."""


def normal(path: str) -> str:
    """The one way a path is written: without `.` and doubled slashes; empty where there is none."""
    return PurePosixPath(path).as_posix() if path else ""


def leading_out(archive: Path) -> Callable[[str], bool]:
    """Whether a link on the way to a path leads out of the archive; a file that is not there leads nowhere.

    Asks the file system once per folder, and once per file.
    """
    root = os.path.realpath(archive)
    folders: dict[str, str] = {}

    def leads_out(path: str) -> bool:
        folder, _, name = path.rpartition("/")
        if folder not in folders:
            folders[folder] = os.path.realpath(os.path.join(root, folder))
        file = os.path.join(folders[folder], name)
        return not (os.path.realpath(file) if os.path.islink(file) else file).startswith(os.path.join(root, ""))

    return leads_out


def read_row(
    line: int,
    cells: dict[str, str] | list[str],
    first: dict[str, int],
    leads_out: Callable[[str], bool],
    settings: IngestParams,
) -> Row | Rejection:
    """A row, or why there is none; the first fault counts.

    first: path → the line that named it first; this one's is added. leads_out: of leading_out.
    """
    if isinstance(cells, list):
        return Rejection(
            "malformed_row",
            f"{len(cells)} fields, which is not what the header has",
            line,
            value=",".join(cells),
            patients=tuple(patient for cell in cells if cell for patient in (cell, _group(cell))),
        )
    name, patient = normal(cells["path"]), _patient(cells)
    patients = (patient,) if patient else ()
    earlier = first.setdefault(name, line) if name else line
    optional = read_cells(cells)
    labels = list(dict.fromkeys(label for part in cells["labels"].split("|") if (label := part.strip())))
    column = BAG_COLUMNS[settings.bags.by]
    value = ""
    if fault := _fault(name, leads_out):
        reason, detail, value = *fault, name
    elif earlier != line:
        reason, detail = "duplicate_row", f"row {earlier} describes the same image"
    elif not patient:
        reason, detail = (
            "empty_patient",
            "patient_id is empty" + (", and so is group_id" if "group_id" in cells else ""),
        )
    elif not labels and settings.manifest.unlabelled == "refuse":
        reason, detail = "empty_labels", "labels is empty"
    elif strange := [label for label in labels if label not in settings.manifest.labels]:
        near = difflib.get_close_matches(strange[0], settings.manifest.labels, n=1)
        reason, value = "unknown_finding", strange[0]
        detail = "labels holds one that ingest.manifest.labels does not list" + (
            f"; the nearest known one is {near[0]}" if near else ""
        )
    elif isinstance(optional, tuple):
        reason, detail = optional
    elif column and column != "patient_id" and not cells[column]:
        reason, detail = "empty_bag", f"{column} is empty, by which ingest.bags.by puts images together"
    else:
        return _row(name, cells, labels, optional, settings)
    return Rejection(reason, detail, line, name, value, patients)


def _patient(cells: dict[str, str]) -> str:
    """Whose image it is; where nobody knows, the group of near duplicates stands in for the patient."""
    group = cells.get("group_id", "")
    return cells["patient_id"] or (_group(group) if group else "")


def _group(number: str) -> str:
    """No cell holds a zero byte, so a group is never taken for the patient of that number."""
    return f"group\0{number}"


def _fault(name: str, leads_out: Callable[[str], bool]) -> tuple[str, str] | None:
    path = PurePosixPath(name)
    if not name:
        return "empty_image_name", "path is empty"
    if "\\" in name:
        return "malformed_row", "path is written with \\ where / belongs"
    if path.is_absolute() or ".." in path.parts:
        return "malformed_row", "path leaves the archive: it must be relative, without .."
    if leads_out(name):
        return "malformed_row", "path leads out of the archive by a link"
    return None


def _row(name: str, cells: dict[str, str], labels: list[str], optional: Row, settings: IngestParams) -> Row:
    patient, study = _patient(cells), cells.get("study_id", "")
    bag = {"patient": patient, "table": cells.get("bag_id")}.get(
        settings.bags.by, f"{patient}\0{cells.get(BAG_COLUMNS[settings.bags.by])}"
    )
    return {
        "source_name": name,
        "patient": patient,
        "study": f"{patient}\0{study or name}",
        "labels": "|".join(labels),
        **optional,
        "modality": optional["modality"] or settings.manifest.modality,
        "organ": optional["organ"] or settings.manifest.organ,
        **({"bag": bag} if BAG_COLUMNS[settings.bags.by] else {}),
    }
