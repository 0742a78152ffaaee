"""The manifest's file: a CSV, plain or packed, whose header is checked before anything of it is told."""

import difflib
from collections.abc import Iterator
from pathlib import Path

from components.errors import MedhashError
from components.ingest.sources.csv_lines import csv_lines
from components.ingest.sources.manifest_cells import COLUMNS, REQUIRED


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


def read_rows(path: Path, needed: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str] | list[str]]]:
    """Line and cells of each row, by column; of a row that has not as many fields as the header, the fields.

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
    """A file without a header begins with a patient: names are told only where one of them is right."""
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
        raise MedhashError(f"{path}: column {twice!r} stands there twice", "remove one of them")
