"""The image files of an archive, from tars that are never unpacked and from folders."""

import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NoReturn

from medhash.archives.entries import SourceFile
from medhash.archives.known import Known
from medhash.archives.memo import Place, place_of
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


def most_bytes(settings: IngestParams) -> int:
    """The largest file that is read: four channels of 16 bits for every pixel allowed, which no honest file needs."""
    return 8 * settings.max_image_pixels


def tar_files(
    path: Path,
    max_bytes: int,
    suffixes: tuple[str, ...] = IMAGE_SUFFIXES,
    with_folders: bool = False,
    known: Known | None = None,
) -> Iterator[SourceFile]:
    """Files of a tar (compressed or not) with an image suffix, in one pass, one file at a time.

    with_folders: a file's name is its whole path in the tar, instead of the last part of it.
    known: spares reading a tar that has not changed, and leaves out files of forgotten patients.

    Raises MedhashError for a member that is a link or a device or whose path leaves the archive, and for a damaged
    tar. The error names the member by its number.
    """
    number = n_yielded = 0
    try:
        whole = place_of(path, path.stat())
        members = known.members(whole, max_bytes) if known else None
        if known and members is not None:
            yield from _remembered(members, known, max_bytes)
            return
        with tarfile.open(path, "r|*") as tar:
            for number, member in enumerate(tar, start=1):
                tar.members = []  # type: ignore[attr-defined]  # tarfile keeps every header it has seen
                _refuse_unsafe(path, number, member)
                if not member.isfile() or not ends_with(member.name, suffixes):
                    continue
                name = storable(member.name if with_folders else PurePosixPath(member.name).name)
                if known and known.leaves_out(name):
                    continue
                n_yielded += 1
                place = whole._replace(offset=member.offset, name=name, n_bytes=member.size)
                if member.size > max_bytes:
                    yield SourceFile(name, b"", "too_large", place)
                    continue
                content = tar.extractfile(member)
                assert content is not None  # true of every regular file
                yield SourceFile(name, content.read(), "", place)
        if known and place_of(path, path.stat()) == whole:
            known.tar_ended(whole, n_yielded)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise MedhashError(f"{path} cannot be read: {error.strerror}", "fix its permissions or its disk") from error
        raise MedhashError(
            f"{path} is damaged after member {number} ({error})",
            "fetch it again and compare its checksum with the publisher's; what was decoded is kept",
        ) from error


def folder_files(
    folder: Path, max_bytes: int, suffixes: tuple[str, ...] = IMAGE_SUFFIXES, known: Known | None = None
) -> Iterator[SourceFile]:
    """Files directly in a folder with an image suffix, sorted by name.

    known: spares reading what has not changed and what no row asks for, and leaves out files of forgotten patients.
    """
    for path in sorted(folder.iterdir()):
        name = storable(path.name)
        if ends_with(path.name, suffixes) and not (known and known.leaves_out(name)):
            yield _taken(path, name, max_bytes, known)


def tree_files(
    folder: Path,
    max_bytes: int,
    name_of: Callable[[str], str | None],
    suffixes: tuple[str, ...] = IMAGE_SUFFIXES,
    known: Known | None = None,
) -> Iterator[SourceFile]:
    """The same for a folder and all folders in it but hidden ones and links.

    name_of: from a file's path in the folder to its name in the table; None leaves it out.
    Raises MedhashError where a folder cannot be listed.
    """
    for path in tree_paths(folder, suffixes):
        name = name_of(storable(path.relative_to(folder).as_posix()))
        if name is not None and not (known and known.leaves_out(name)):
            yield _taken(path, name, max_bytes, known)


def tree_paths(folder: Path, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> Iterator[Path]:
    """The paths of these files, sorted. Raises MedhashError where a folder cannot be listed."""

    def unlisted(error: OSError) -> NoReturn:  # its text would name the folder, and with it a patient
        raise MedhashError(
            f"{folder}, or a folder in it, cannot be listed: {error.strerror}",
            "set ingest.archive to the folder that holds the images; fix permissions or the disk",
        ) from None

    for place, folders, files in os.walk(folder, onerror=unlisted):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, file) for file in sorted(files) if ends_with(file, suffixes))


def _taken(path: Path, name: str, max_bytes: int, known: Known | None) -> SourceFile:
    try:
        place = place_of(path, path.stat())
        remembered = known.recall(place, name) if known else ""
        if place.size > max_bytes:
            return SourceFile(name, b"", "too_large")
        if remembered or (known and not known.wants(name)):
            return SourceFile(name, b"", "", place, remembered)
        return SourceFile(name, *_read(path, place))
    except OSError:  # its text would name the file, and with it the patient
        return SourceFile(name, b"", "unreadable")


def _read(path: Path, place: Place) -> tuple[bytes, str, Place | None]:
    """The fields of a SourceFile after its name."""
    with path.open("rb") as handle:
        data = handle.read()
        return data, "", place if place_of(path, os.fstat(handle.fileno())) == place else None


def _remembered(members: list[tuple[Place, str]], known: Known, max_bytes: int) -> Iterator[SourceFile]:
    for place, value in members:
        if not known.leaves_out(place.name):
            yield SourceFile(place.name, b"", "too_large" if place.n_bytes > max_bytes else "", place, value)


def storable(name: str) -> str:
    """A name whose bytes that are no UTF-8 are written out, as no table could hold them."""
    return name.encode("utf-8", "backslashreplace").decode()


def ends_with(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether the file of this path has one of the endings, given in lower case, and is not hidden."""
    base = PurePosixPath(name).name
    return base.lower().endswith(suffixes) and not base.startswith(".")


def _refuse_unsafe(path: Path, number: int, member: tarfile.TarInfo) -> None:
    parts = PurePosixPath(member.name.replace("\\", "/"))
    problem = ""
    if parts.is_absolute() or ".." in parts.parts:
        problem = "has a path that leaves the archive"
    elif not (member.isfile() or member.isdir()):
        problem = "is a link or a device"
    if problem:
        raise MedhashError(
            f"{path}: member {number} {problem}",
            "this is not an archive as published: fetch it again "
            "from its publisher, or pack it again from a folder of plain files",
        )
