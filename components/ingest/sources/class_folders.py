"""Images in folders whose names say everything, as MedNIST, the Brain Tumor MRI set and BUSI are published.

ingest.class_folders.folders says what the images of each folder show. Rows are the files: their number is the place
of the file's path among those of all image files, counted from 1; it stays as long as no file is added before.
"""

from collections.abc import Callable, Generator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from components.errors import MedhashError
from components.ingest.entries import Entries, Rejection, SourceFile
from components.ingest.known import Known
from components.ingest.sources.bag_choice import require_offered
from components.ingest.sources.class_folder_files import image_paths, path_files
from components.ingest.sources.class_folder_groups import read_groups, require_named
from components.ingest.sources.terms import require_terms
from components.params import IngestParams
from components.params_archives import ClassFolder

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
