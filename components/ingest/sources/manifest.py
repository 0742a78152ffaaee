"""A CSV of one's own that names each image, its patient, its bag and its labels; docs/histology.md has the columns."""

from collections.abc import Generator
from pathlib import Path

import pandas as pd

from components.errors import MedhashError
from components.ingest.entries import Entries, Rejection, SourceFile
from components.ingest.known import Known
from components.ingest.sources.bag_choice import require_offered
from components.ingest.sources.files import most_bytes, tree_files
from components.ingest.sources.manifest_rows import BAG_COLUMNS, leading_out, normal, read_row
from components.ingest.sources.manifest_table import manifest_path, read_rows
from components.ingest.sources.terms import require_terms
from components.params import IngestParams

_NO_ROWS = ["source_name", "patient", "study", "labels", "width", "height"]


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per line, labelled under the attribute `pathology`; source_name is the path in the archive.

    Files that no line names are none of the archive's.
    Raises MedhashError where the file is absent, no CSV, without rows, or has a column missing or too many, and where
    ingest.manifest names a modality or an organ that nobody knows.
    """
    require_offered(settings.bags.by, tuple(BAG_COLUMNS), "manifest")
    chosen = settings.manifest
    require_terms("ingest.manifest", chosen.modality, chosen.organ)
    table = manifest_path(archive, chosen.file)
    column = BAG_COLUMNS[settings.bags.by]
    first: dict[str, int] = {}
    leads_out = leading_out(archive)
    rows, index, rejections = [], [], []
    for line, cells in read_rows(table, (column,) if column else ()):
        row = read_row(line, cells, first, leads_out, settings)
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
    """The files that the manifest names and that are there: no other is opened, nor one behind a link out of it."""
    lines = read_rows(manifest_path(archive, settings.manifest.file))
    paths = {normal(cells["path"]) for _, cells in lines if isinstance(cells, dict)}
    leads_out = leading_out(archive)

    def name_of(path: str) -> str | None:
        return path if path in paths and (archive / path).is_file() and not leads_out(path) else None

    yield from tree_files(archive, most_bytes(settings), name_of, ("",), known)
