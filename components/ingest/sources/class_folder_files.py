"""All image files below a folder, in the tars that lie in it, or in a tar, each called by its whole path."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from components.errors import MedhashError
from components.ingest.entries import SourceFile
from components.ingest.known import Known
from components.ingest.sources.files import ends_with, most_bytes, storable, tar_files, tree_files, tree_paths
from components.params import IngestParams

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
