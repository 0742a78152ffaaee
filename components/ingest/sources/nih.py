"""NIH ChestX-ray14 as published: Data_Entry_2017*.csv, two official lists, images in tars or folders.

Source: X. Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised
Classification and Localization of Common Thorax Diseases", CVPR 2017, and the archive's own file list.
"""

from collections.abc import Generator
from pathlib import Path

from components.errors import MedhashError
from components.ingest.entries import Entries, SourceFile
from components.ingest.known import Known
from components.ingest.sources.bag_choice import require_offered
from components.ingest.sources.files import IMAGE_SUFFIXES, folder_files, most_bytes, tar_files
from components.ingest.sources.nih_lists import official_folds
from components.ingest.sources.nih_table import read_table
from components.params import IngestParams

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
