"""A CSV of one's own that names each image, its patient, its bag and its labels; docs/histology.md has the columns."""

import difflib
import math
import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from medhash.archives.entries import Entries, Rejection, SourceFile, require_offered
from medhash.archives.files import most_bytes, tree_files
from medhash.archives.known import Known
from medhash.archives.readers.csv_tables import csv_lines
from medhash.archives.readers.terms import MAX_AGE, MODALITIES, ORGANS, VIEWS, require_terms, whole_years
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

REQUIRED = ("path", "patient_id", "labels")
_SET = {
    "view": ("unknown_view", VIEWS),
    "laterality": ("unknown_laterality", ("L", "R")),
    "sex": ("malformed_row", ("F", "M")),
    "official_fold": ("malformed_row", ("train_val", "test")),
    "modality": ("unknown_modality", MODALITIES),
    "organ": ("malformed_row", ORGANS),
}
"""Column → reason of refusing another value, and the values."""
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
_NO_ROWS = ["source_name", "patient", "study", "labels", "width", "height"]


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per line, labelled under the attribute `pathology`; source_name is the path in the archive.

    Files that no line names are none of the archive's.
    Raises MedhashError if the file is absent, no CSV or without rows, if a column is missing or unknown, and if
    ingest.manifest names an unknown modality or organ.
    """
    require_offered(settings.bags.by, tuple(BAG_COLUMNS), "manifest")
    chosen = settings.manifest
    require_terms("ingest.manifest", chosen.modality, chosen.organ)
    table = manifest_path(archive, chosen.file)
    column = BAG_COLUMNS[settings.bags.by]
    first: dict[str, int] = {}
    leads_out = leading_out(archive)
    rows, index, rejections = [], [], []
    for line, cells in _read_rows(table, (column,) if column else ()):
        row = _read_row(line, cells, first, leads_out, settings)
        if isinstance(row, Rejection):
            rejections.append(row)
        else:
            rows.append(row)
            index.append(line)
    if not rows and not rejections:
        raise MedhashError(f"{table} has a header and no rows", "give each image its line")
    return Entries(
        table.name,
        "pathology",
        chosen.modality,
        chosen.organ,
        pd.DataFrame(rows, index=index, columns=None if rows else _NO_ROWS),
        frozenset(first),
        len(rows) + len(rejections),
        rejections,
        channels=chosen.channels,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """The files that the manifest names and that exist; links out of the archive are not followed."""
    lines = _read_rows(manifest_path(archive, settings.manifest.file))
    paths = {normal(cells["path"]) for _, cells in lines if isinstance(cells, dict)}
    leads_out = leading_out(archive)

    def name_of(path: str) -> str | None:
        return path if path in paths and (archive / path).is_file() and not leads_out(path) else None

    yield from tree_files(archive, most_bytes(settings), name_of, ("",), known)


def _pixels(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,6}", text, re.ASCII) and int(text) else None


def _millimetres(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,4}(\.\d{1,12})?", text, re.ASCII) and float(text) else None


_NUMBER: dict[str, tuple[str, Callable[[str], float | None]]] = {
    "age": (f"a whole number of years up to {MAX_AGE}", whole_years),
    "width": ("a whole number of pixels above 0", _pixels),
    "height": ("a whole number of pixels above 0", _pixels),
    "pixel_spacing": ("a number of millimetres above 0, as in 0.05", _millimetres),
}
"""Column → what it holds, and how it is read."""


COLUMNS = (*REQUIRED, "group_id", "bag_id", "study_id", "slide_id", *_SET, *_NUMBER)
"""Any other stops the run: it might name a person."""


def read_cells(cells: dict[str, str]) -> dict[str, str | float | None] | tuple[str, str]:
    """Values of a row's optional cells, null or NaN where one is empty; or reason and detail, which quotes no cell."""
    values: dict[str, str | float | None] = {}
    for column, (reason, allowed) in _SET.items():
        text = cells.get(column, "")
        if text and text not in allowed:
            return reason, f"{column} is none of {', '.join(allowed)}"
        values[column] = text or None
    for column, (meaning, number) in _NUMBER.items():
        text = cells.get(column, "")
        values[column] = number(text) if text else math.nan
        if text and values[column] is None:
            return "malformed_row", f"{column} is not {meaning}"
    return values


def manifest_path(archive: Path, name: str) -> Path:
    """The file, or that name and .gz. Raises MedhashError where there is neither."""
    found = next((path for path in (archive / name, archive / f"{name}.gz") if path.is_file()), None)
    if found is None:
        raise MedhashError(
            f"{archive / name} does not exist, nor does {name}.gz there",
            "set ingest.manifest.file to the CSV that names each image, its patient and its labels "
            "(docs/histology.md shows one)",
        )
    return found


def _read_rows(path: Path, needed: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str] | list[str]]]:
    """Line and cells of each row, by column; a row whose number of fields differs from the header comes as a list.

    A row counts by the line it begins on: quoted cells may hold line breaks. Blank lines are passed over.
    needed: columns that must be there beside the required ones.
    Raises MedhashError where the file is no CSV in UTF-8, or where a column is missing, unknown or there twice.
    """
    lines = csv_lines(path, ",", "export the table again: UTF-8, separated by commas, every quote closed")
    header = next(lines)[1]
    _require_columns(path, header, needed)
    for line, row in lines:
        yield line, dict(zip(header, row, strict=True)) if len(row) == len(header) else row


def _require_columns(path: Path, header: list[str], needed: tuple[str, ...]) -> None:
    """A file without a header begins with a patient, so its titles are quoted only if one of them is right."""
    missing = [title for title in REQUIRED if title not in header]
    unknown = [title for title in header if title not in COLUMNS]
    if missing:
        near = difflib.get_close_matches(missing[0], unknown, n=1, cutoff=0.6) if len(missing) < len(REQUIRED) else []
        raise MedhashError(
            f"{path}: column {missing[0]!r} is missing" + (f"; the nearest name found is {near[0]!r}" if near else ""),
            "begin the file with a line that names its columns, separated by commas; "
            f"{', '.join(REQUIRED)} must be among them",
        )
    if unknown:
        raise MedhashError(
            f"{path}: unknown column {', '.join(map(repr, unknown))}",
            f"take it out, as it might name a person; a manifest may have {', '.join(COLUMNS)}",
        )
    absent = next((title for title in needed if title not in header), None)
    if absent is not None:
        raise MedhashError(
            f"{path}: column {absent!r} is missing, by which ingest.bags.by puts images together",
            "add the column, or set ingest.bags.by to image or patient",
        )
    twice = next((title for title in header if header.count(title) > 1), None)
    if twice is not None:
        raise MedhashError(f"{path}: column {twice!r} occurs twice", "remove one of them")


def normal(path: str) -> str:
    """The one way a path is written: without `.` and doubled slashes; empty where there is none."""
    return PurePosixPath(path).as_posix() if path else ""


def leading_out(archive: Path) -> Callable[[str], bool]:
    """Whether a link on the way to a path leads out of the archive; a missing file does not.

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


def _read_row(
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
    """Whose image it is; where that is unknown, the group of near duplicates is the patient."""
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
