"""Images in folders whose names say everything, as MedNIST, the Brain Tumor MRI set and BUSI are published.

ingest.class_folders.folders says what the images of each folder show. Rows are the files: their number is the place
of the file's path among those of all image files, counted from 1; it stays as long as no file is added before.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from medhash.archives.entries import Entries, Rejection, SourceFile, require_offered
from medhash.archives.files import ends_with, most_bytes, storable, tar_files, tree_files, tree_paths
from medhash.archives.known import Known
from medhash.archives.readers.csv_tables import read_rows
from medhash.archives.readers.manifest_cells import require_terms
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams
from medhash.core.params.ingest import ClassFolder, GroupsFile

_SETTING = "ingest.class_folders.groups"


def read_groups(archive: Path, chosen: GroupsFile) -> dict[str, str]:
    """Path of an image → its group; lines without a group are passed over, and so are images that are not there.

    The file lies in the archive's folder, or beside its tar. Other columns are not read.
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
                "mend the line: every image needs its group",
            )
        path = PurePosixPath(cells["path"]).as_posix()
        if cells["group"] and groups.setdefault(path, cells["group"]) != cells["group"]:
            raise MedhashError(
                f"{table}, line {line}: an earlier line puts the same image into another group",
                "take out the wrong line",
            )
    return groups


def require_named(archive: Path, groups: dict[str, str], paths: Iterable[str]) -> None:
    """Raise MedhashError where no image has a group: the paths then begin elsewhere."""
    if groups.keys().isdisjoint(paths):
        raise MedhashError(
            f"the file of {_SETTING} names no image of {archive}",
            f"{_SETTING}.path_column must hold paths from the archive's folder, or in a tar from the tar's root",
        )


_TARS = (".tar", ".tar.gz", ".tgz")
_LISTED = "+"
"""Remembered of a tar's member, so that the next run knows the tar's paths without reading it."""


def image_paths(
    archive: Path, settings: IngestParams, patients_of: Callable[[str], tuple[str, ...]], known: Known | None = None
) -> list[str]:
    """The paths of all image files, each once, sorted. Hidden files are left out, links to folders not followed.

    An unchanged tar is not read again, unless it holds files of forgotten patients, whose paths are not remembered.
    Raises MedhashError where there are none, a folder cannot be listed, or a tar is unsafe or damaged.
    """
    paths = (
        set() if archive.is_file() else {storable(path.relative_to(archive).as_posix()) for path in tree_paths(archive)}
    )
    for tar in _tars(archive):
        for file in tar_files(tar, most_bytes(settings), with_folders=True, known=_by_path(known)):
            path = _path(file.name)
            paths.add(path)
            if known and not file.told and not any(map(known.forgets, patients_of(path))):
                known.put(file.place, _LISTED)
    if not paths:
        raise MedhashError(
            f"{archive} holds no PNG or JPEG file, nor does a folder or a tar in it",
            "set the archive to the folder, or the tar, that holds the images; unpack a zip first",
        )
    return sorted(paths)


def path_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """The same files with their bytes, tars first."""
    for tar in _tars(archive):
        for file in tar_files(tar, most_bytes(settings), with_folders=True, known=_by_path(known)):
            yield replace(file, name=_path(file.name))
    if archive.is_dir():
        yield from tree_files(archive, most_bytes(settings), _path, known=known)


def _tars(archive: Path) -> list[Path]:
    if archive.is_file():
        return [archive]
    return sorted(path for path in archive.iterdir() if ends_with(path.name, _TARS) and path.is_file())


def _by_path(known: Known | None) -> Known | None:
    return known.named(_path) if known else None


def _path(name: str) -> str:
    """Without the `./` that tar writes where a folder was packed from within."""
    return PurePosixPath(name).as_posix()


BAGS = ("image", "patient")
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
"""What no folder tells; sizes come from the files."""


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per image of the listed folders, labelled under `pathology`; source_name is the path in archive or tar.

    The patient is the image's group of near duplicates in ingest.class_folders.groups, without groups the image
    itself. An image that the groups do not name is refused: it might be a copy of one in another fold. Prints how many
    images are left out, as they lie in no listed folder or are skipped by name.
    Raises MedhashError where there is no image, a listed folder has none, or a tar or the groups cannot be read.
    """
    require_offered(settings.bags.by, BAGS, "class_folders")
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
    paths = image_paths(archive, settings, patients_of, known)
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
    return path_files(archive, settings, known)


def _placing(folders: dict[str, ClassFolder]) -> Callable[[str], str | None]:
    """From a path to the listed folder that it lies in, the innermost of several."""
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
