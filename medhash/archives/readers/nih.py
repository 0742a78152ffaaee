"""NIH ChestX-ray14 as published: Data_Entry_2017*.csv, two official lists, images in tars or folders.

Source: X. Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised
Classification and Localization of Common Thorax Diseases", CVPR 2017, and the archive's own file list.
"""

import gzip
import zlib
from collections.abc import Generator
from pathlib import Path

import pandas as pd

from medhash.archives.entries import Entries, SourceFile, require_offered
from medhash.archives.files import IMAGE_SUFFIXES, folder_files, most_bytes, tar_files
from medhash.archives.known import Known
from medhash.archives.readers.nih_table import read_table
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

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


TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
"""The corrected table of 2020 goes before the first release."""
BAGS = ("image", "study", "patient")
_TARS = ("images_*.tar.gz", "images_*.tgz", "images_*.tar")
_FOLDERS = ("images", "images_*", "images_*/images")


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """The archive's table with the official folds.

    Raises MedhashError where the table is absent or lacks a column, or where a list contradicts the other.
    """
    require_offered(settings.bags.by, BAGS, "nih")
    table = next((path for name in TABLES for path in (archive / name, archive / f"{name}.gz") if path.is_file()), None)
    if table is None:
        raise MedhashError(
            f"{archive} holds no {' or '.join(TABLES)} (plain or .gz)",
            "set ingest.archive to the folder that holds NIH ChestX-ray14 as published",
        )
    entries = read_table(table)
    entries.rows["official_fold"] = official_folds(archive, entries)
    if settings.bags.by != "image":
        entries.rows["bag"] = entries.rows[settings.bags.by]
    return entries


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every image file of the archive, tars first.

    Raises MedhashError where there is neither tar nor folder of images, and where a tar is unsafe or damaged.
    """
    tars = sorted({path for pattern in _TARS for path in archive.glob(pattern) if path.is_file()})
    folders = sorted({path for pattern in _FOLDERS for path in archive.glob(pattern) if _holds_images(path)})
    if not tars and not folders:
        raise MedhashError(
            f"{archive} holds no images_*.tar.gz, no images_*.tar and no folder of images",
            "fetch the images, or index the table alone with --metadata-only (ingest.metadata_only: true)",
        )
    return _files(tars, folders, most_bytes(settings), known)


def _files(tars: list[Path], folders: list[Path], max_bytes: int, known: Known | None) -> Generator[SourceFile]:
    for tar in tars:
        yield from tar_files(tar, max_bytes, known=known)
    for folder in folders:
        yield from folder_files(folder, max_bytes, known=known)


def _holds_images(path: Path) -> bool:
    return path.is_dir() and any(file.name.lower().endswith(IMAGE_SUFFIXES) for file in path.iterdir())
