"""Images in folders whose names say everything, as MedNIST, the Brain Tumor MRI set and BUSI are published.

ingest.class_folders.folders says what the images of each folder show. Rows are the files. A row's number is the place
of the file's path among all image files, counted from 1. It stays the same as long as no file is added before.
"""

from collections.abc import Callable, Generator, Iterable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from medhash.archives.entries import Entries, Rejection, SourceFile, require_offered
from medhash.archives.known import Known
from medhash.archives.readers import image_tree
from medhash.archives.readers.csv_tables import read_rows
from medhash.archives.readers.terms import require_terms
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams
from medhash.core.params.ingest import ClassFolder, GroupsFile

_SETTING = "ingest.class_folders.groups"
_BAGS = ("image", "patient")
_COLUMNS = ("source_name", "patient", "study", "modality", "organ", "labels")
_UNKNOWN = {
    "view": None,
    "sex": None,
    "age": np.nan,
    "width": np.nan,
    "height": np.nan,
    "pixel_spacing": np.nan,
    "official_fold": None,
}
"""Not known from folders; sizes come from the files."""


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per image of the listed folders, labelled under `pathology`; source_name is the path in archive or tar.

    The patient is the image's group of near duplicates in ingest.class_folders.groups, without groups the image
    itself. An image that the groups do not name is refused: it might be a copy of one in another fold. Prints how many
    images are left out, as they are in no listed folder or are skipped by name.
    Raises MedhashError where there is no image, a listed folder has none, or a tar or the groups cannot be read.
    """
    require_offered(settings.bags.by, _BAGS, "class_folders")
    chosen = settings.class_folders
    if not chosen.folders:
        raise MedhashError(
            "ingest.class_folders.folders is empty",
            "list the archive's folders, each with its modality and organ (docs/mixed-archives.md)",
        )
    for listed, shown in chosen.folders.items():
        require_terms(f"ingest.class_folders.folders: {listed}", shown.modality, shown.organ)
    groups = read_groups(archive, chosen.groups) if chosen.groups else None
    patients_of = _patients_of(groups)
    paths = image_tree.image_names(archive, settings, image_tree.whole_path, patients_of, known)
    if groups is not None:
        require_named(archive, groups, paths)
    place = _placing(chosen.folders)
    rows, index, rejections = [], [], []
    found, n_skipped, n_elsewhere = set(), 0, 0
    for number, path in enumerate(paths, 1):
        folder = place(path)
        if any(fnmatchcase(PurePosixPath(path).name, pattern) for pattern in chosen.skip):
            n_skipped += 1
        elif folder is None:
            n_elsewhere += 1
        else:
            found.add(folder)
            patient = "".join(patients_of(path))
            if patient:
                shown = chosen.folders[folder]
                rows.append((path, patient, path, shown.modality, shown.organ, shown.pathology or ""))
                index.append(number)
            else:
                rejections.append(
                    Rejection("empty_patient", "ingest.class_folders.groups does not name the image", number, path)
                )
    _require_found(archive, chosen.folders, found)
    for n, why in (
        (n_elsewhere, "lie in no folder of ingest.class_folders.folders"),
        (n_skipped, f"are named as ingest.class_folders.skip says: {', '.join(chosen.skip)}"),
    ):
        if n:
            print(f"{n:,} images left out, which {why}")
    frame = pd.DataFrame(rows, index=index, columns=list(_COLUMNS)).assign(**_UNKNOWN)
    if settings.bags.by == "patient":
        frame["bag"] = frame["patient"]
    return Entries(
        "folders (row = place of the file, by path)",
        "pathology",
        "",
        "unknown",
        frame,
        frozenset(paths),
        len(rows) + len(rejections),
        rejections,
        patients_of,
        channels=chosen.channels,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every image file, tars first. Raises MedhashError where a tar is unsafe or damaged."""
    return image_tree.image_files(archive, settings, image_tree.whole_path, known)


def read_groups(archive: Path, chosen: GroupsFile) -> dict[str, str]:
    """Path of an image → its group; lines without a group are passed over, and so are images that are not there.

    The file is in the archive's folder, or beside its tar. Other columns are not read.
    Raises MedhashError where it is absent, no CSV, lacks a column, or gives an image two groups.
    """
    folder = archive if archive.is_dir() else archive.parent
    table = next((path for path in (folder / chosen.file, folder / f"{chosen.file}.gz") if path.is_file()), None)
    if table is None:
        raise MedhashError(
            f"{folder / chosen.file} does not exist, nor does {chosen.file}.gz there",
            f"set {_SETTING}.file to the CSV that names each image and its group, or leave groups out: "
            "every image is then a patient of its own",
        )
    groups: dict[str, str] = {}
    columns = {"path": (chosen.path_column.lower(),), "group": (chosen.group_column.lower(),)}
    for line, cells in read_rows(table, columns):
        if isinstance(cells, list):
            raise MedhashError(
                f"{table}, line {line}: {len(cells)} fields, which is not what the header has",
                "fix the line: every image needs its group",
            )
        path = PurePosixPath(cells["path"]).as_posix()
        if cells["group"] and groups.setdefault(path, cells["group"]) != cells["group"]:
            raise MedhashError(
                f"{table}, line {line}: an earlier line puts the same image into another group",
                "take out the wrong line",
            )
    return groups


def require_named(archive: Path, groups: dict[str, str], paths: Iterable[str]) -> None:
    """Raise MedhashError if no image has a group: the paths are then relative to another folder."""
    if groups.keys().isdisjoint(paths):
        raise MedhashError(
            f"the file of {_SETTING} names no image of {archive}",
            f"{_SETTING}.path_column must hold paths from the archive's folder, or in a tar from the tar's root",
        )


def _placing(folders: dict[str, ClassFolder]) -> Callable[[str], str | None]:
    """From a path to the innermost listed folder that holds it."""
    listed = {PurePosixPath(folder): folder for folder in folders}
    return lambda path: next((listed[parent] for parent in PurePosixPath(path).parents if parent in listed), None)


def _require_found(archive: Path, folders: dict[str, ClassFolder], found: set[str]) -> None:
    missing = next((folder for folder in folders if folder not in found), None)
    if missing is not None:
        raise MedhashError(
            f"{archive} holds no image in the folder {missing} of ingest.class_folders.folders",
            "write each folder with its path from the archive's own folder, or in a tar from the tar's "
            "root, as `tar tf` prints it; take out what the archive does not have",
        )


def _patients_of(groups: dict[str, str] | None) -> Callable[[str], tuple[str, ...]]:
    if groups is None:
        return lambda path: (path,)
    return lambda path: (groups[path],) if path in groups else ()
