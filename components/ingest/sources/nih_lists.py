"""NIH's official lists: which images are for training and validation, and which for the test."""

import gzip
import zlib
from pathlib import Path

import pandas as pd

from components.errors import MedhashError
from components.ingest.entries import Entries

_LISTS = {"train_val": "train_val_list.txt", "test": "test_list.txt"}
_SHOWN = 10


def official_folds(archive: Path, entries: Entries) -> pd.Series:
    """`train_val`, `test` or null for each row; null everywhere where the archive has no lists.

    Raises MedhashError where an image or a patient stands in both lists, naming rows of the table.
    """
    names = {fold: _read_list(archive, file) for fold, file in _LISTS.items()}
    lists = f"{archive / _LISTS['train_val']} and {_LISTS['test']}"
    rows = entries.rows
    twice = rows.index[rows["source_name"].isin(names["train_val"] & names["test"])]
    if len(twice):
        raise MedhashError(
            f"{len(twice)} images stand in both {lists}: {_rows(entries, twice)}",
            "restore the lists as published; an image belongs to one of them",
        )
    folds = pd.Series(None, index=rows.index, dtype="str")
    for fold, listed in names.items():
        folds[rows["source_name"].isin(listed)] = fold
    in_both = rows["patient"].map(folds.groupby(rows["patient"]).nunique()) > 1
    if in_both.any():
        n_patients = rows.loc[in_both, "patient"].nunique()
        raise MedhashError(
            f"{n_patients} patients stand in both {lists}: {_rows(entries, rows.index[in_both & folds.notna()])}",
            "move all images of a patient to one list, or restore the lists as published; a patient in both would be "
            "searched for among their own images",
        )
    return folds


def _read_list(archive: Path, name: str) -> frozenset[str]:
    path = next((path for path in (archive / name, archive / f"{name}.gz") if path.is_file()), None)
    if path is None:
        return frozenset()
    data = path.read_bytes()
    try:
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise MedhashError(f"{path} is damaged ({type(error).__name__})", "restore the list as published") from error
    return frozenset(line.strip() for line in text.splitlines() if line.strip())


def _rows(entries: Entries, rows: pd.Index) -> str:
    shown = ", ".join(str(row) for row in rows[:_SHOWN])
    return f"rows {shown}{' …' if len(rows) > _SHOWN else ''} of {entries.table}"
