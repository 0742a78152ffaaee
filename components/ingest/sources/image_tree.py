"""All image files below a folder, and in the tars that lie in it: the reading of archives that have no table.

A file is called by the last part of its path, so it keeps its pseudonym wherever the folders stand, packed or not;
a second copy of the same bytes under the same name counts for nothing.
"""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from components.errors import MedhashError
from components.ingest.entries import SourceFile
from components.ingest.known import Known
from components.ingest.sources.files import IMAGE_SUFFIXES, ends_with, folder_files, storable, tar_files

_TARS = (".tar", ".tar.gz", ".tgz")
_LISTED = "+"
"""Remembered of a tar's member, so that the next run knows the tar's names without reading it."""


def image_names(archive: Path, max_bytes: int, patients_of: Callable[[str], tuple[str, ...]],
                known: Known | None = None) -> list[str]:
    """The names of all image files, each once, sorted. Hidden files are left out, links to folders not followed.

    A tar is read to its end, as it has no list of its members; an unchanged one only where it holds files of forgotten
    patients, whose names are not remembered.
    Raises MedhashError where there are none, a folder cannot be listed, or a tar is unsafe or damaged.
    """
    folders, tars = _places(archive)
    names = {storable(name) for folder in folders for name in _listed(archive, folder)}
    for tar in tars:
        for file in tar_files(tar, max_bytes, known=known):
            names.add(file.name)
            if known and not file.told and not any(map(known.forgets, patients_of(file.name))):
                known.put(file.place, _LISTED)
    if not names:
        raise MedhashError(f"{archive} holds no PNG or JPEG file, nor does a folder or a tar in it",
                           "set ingest.archive to the folder that holds the images as published")
    return sorted(names)


def image_files(archive: Path, max_bytes: int, known: Known | None = None) -> Generator[SourceFile]:
    """The same files with their bytes, tars first."""
    folders, tars = _places(archive)
    for tar in tars:
        yield from tar_files(tar, max_bytes, known=known)
    for folder in folders:
        yield from folder_files(folder, max_bytes, known=known)


def _places(archive: Path) -> tuple[list[Path], list[Path]]:
    """Every folder, the archive first, and the tars of the archive itself."""
    if not archive.is_dir():
        raise MedhashError(f"{archive} is no folder", "set ingest.archive to the folder that holds the archive")
    folders, waiting = [], [archive]
    while waiting:
        folder = waiting.pop()
        folders.append(folder)
        with _explaining(archive), os.scandir(folder) as found:
            inner = [entry.name for entry in found
                     if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")]
        waiting += [folder / name for name in sorted(inner, reverse=True)]
    return folders, sorted(path for path in archive.iterdir() if ends_with(path.name, _TARS) and path.is_file())


def _listed(archive: Path, folder: Path) -> list[str]:
    with _explaining(archive):
        return [name for name in os.listdir(folder) if ends_with(name, IMAGE_SUFFIXES)]


@contextmanager
def _explaining(archive: Path) -> Iterator[None]:
    """Folders are named after patients, and an error of the file system would name the folder."""
    try:
        yield
    except OSError as error:
        raise MedhashError(f"a folder in {archive} cannot be listed: {error.strerror}",
                           "mend its permissions or its disk") from None
