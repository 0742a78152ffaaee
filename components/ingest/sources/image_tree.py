"""All image files below a folder, and in the tars that lie in it: the reading of archives that have no table.

A file is called by the last part of its path, so it keeps its pseudonym wherever the folders stand, packed or not;
a second copy of the same bytes under the same name counts for nothing.
"""

from collections.abc import Callable, Generator
from pathlib import Path, PurePosixPath

from components.errors import MedhashError
from components.ingest.entries import SourceFile
from components.ingest.known import Known
from components.ingest.sources.files import ends_with, most_bytes, storable, tar_files, tree_files, tree_paths
from components.params import IngestParams

_TARS = (".tar", ".tar.gz", ".tgz")
_LISTED = "+"
"""Remembered of a tar's member, so that the next run knows the tar's names without reading it."""


def image_names(
    archive: Path, settings: IngestParams, patients_of: Callable[[str], tuple[str, ...]], known: Known | None = None
) -> list[str]:
    """The names of all image files, each once, sorted. Hidden files are left out, links to folders not followed.

    A tar is read to its end, as it has no list of its members; an unchanged one is not, unless it holds files of
    forgotten patients, whose names are not remembered.
    Raises MedhashError where there are none, a folder cannot be listed, or a tar is unsafe or damaged.
    """
    names = {storable(path.name) for path in tree_paths(archive)}
    for tar in _tars(archive):
        for file in tar_files(tar, most_bytes(settings), known=known):
            names.add(file.name)
            if known and not file.told and not any(map(known.forgets, patients_of(file.name))):
                known.put(file.place, _LISTED)
    if not names:
        raise MedhashError(
            f"{archive} holds no PNG or JPEG file, nor does a folder or a tar in it",
            "set ingest.archive to the folder that holds the images as published; unpack a zip first",
        )
    return sorted(names)


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """The same files with their bytes, tars first. Raises MedhashError where a tar is unsafe or damaged."""
    max_bytes = most_bytes(settings)
    for tar in _tars(archive):
        yield from tar_files(tar, max_bytes, known=known)
    yield from tree_files(archive, max_bytes, lambda path: PurePosixPath(path).name, known=known)


def _tars(archive: Path) -> list[Path]:
    return sorted(path for path in archive.iterdir() if ends_with(path.name, _TARS) and path.is_file())
