"""All PNG and JPEG files below a folder, and in the tars in it: for archives without a table."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from medhash.archives.entries import SourceFile
from medhash.archives.files import ends_with, most_bytes, storable, tar_files, tree_files, tree_paths
from medhash.archives.known import Known
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

_TARS = (".tar", ".tar.gz", ".tgz")
_LISTED = "+"
"""Remembered of a tar's member, so that the next run knows the tar's names without reading it."""


def base_name(path: str) -> str:
    """The last part: a file keeps its pseudonym wherever its folder is, packed or not."""
    return PurePosixPath(path).name


def whole_path(path: str) -> str:
    """Without the `./` that tar writes where a folder was packed from within."""
    return PurePosixPath(path).as_posix()


def image_names(
    archive: Path,
    settings: IngestParams,
    name_of: Callable[[str], str],
    patients_of: Callable[[str], tuple[str, ...]],
    known: Known | None = None,
) -> list[str]:
    """The names of all image files, each once, sorted. Hidden files are left out, links to folders not followed.

    archive: a folder, or one tar. name_of: base_name or whole_path, from a path in the archive or in its tar.
    A tar has no list of its members, so it is read to its end. An unchanged one is not read again, unless it holds
    files of forgotten patients, whose names are not remembered.
    Raises MedhashError where there are none, a folder cannot be listed, or a tar is unsafe or damaged.
    """
    loose = [] if _is_tar(archive) else tree_paths(archive)
    names = {name_of(storable(path.relative_to(archive).as_posix())) for path in loose}
    for tar in _tars(archive):
        for file in _members(tar, settings, name_of, known):
            names.add(file.name)
            if known and not file.remembered and not any(map(known.forgets, patients_of(file.name))):
                known.put(file.place, _LISTED)
    if not names:
        raise MedhashError(
            f"{archive} holds no PNG or JPEG file, nor does a folder or a tar in it",
            "set the archive to the folder, or the tar, that holds the images as published; unpack a zip first",
        )
    return sorted(names)


def image_files(
    archive: Path, settings: IngestParams, name_of: Callable[[str], str], known: Known | None = None
) -> Generator[SourceFile]:
    """The same files with their bytes, tars first. Raises MedhashError where a tar is unsafe or damaged."""
    for tar in _tars(archive):
        yield from _members(tar, settings, name_of, known)
    if archive.is_dir():
        yield from tree_files(archive, most_bytes(settings), name_of, known=known)


def _members(
    tar: Path, settings: IngestParams, name_of: Callable[[str], str], known: Known | None
) -> Generator[SourceFile]:
    named = known.named(name_of) if known else None
    for file in tar_files(tar, most_bytes(settings), with_folders=True, known=named):
        yield replace(file, name=name_of(file.name))


def _tars(archive: Path) -> list[Path]:
    return [archive] if _is_tar(archive) else sorted(filter(_is_tar, archive.iterdir()))


def _is_tar(path: Path) -> bool:
    return ends_with(path.name, _TARS) and path.is_file()
