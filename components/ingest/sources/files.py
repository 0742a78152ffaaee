"""The image files of an archive, from tars that are never unpacked and from folders."""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from components.errors import MedhashError
from components.ingest.entries import SourceFile

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


def tar_files(path: Path, max_bytes: int, suffixes: tuple[str, ...] = IMAGE_SUFFIXES,
              with_folders: bool = False) -> Iterator[SourceFile]:
    """Files of a tar, compressed or not, that end as an image does, read in one pass and one file at a time.

    with_folders: a file's name is its whole path in the tar, instead of the last part of it.

    Raises MedhashError where a member's path is absolute or climbs out with `..`, where a member is a link or a
    device, and where the tar itself is damaged; the member is named by its number.
    """
    number = 0
    try:
        with tarfile.open(path, "r|*") as tar:
            for number, member in enumerate(tar, start=1):
                tar.members = []  # type: ignore[attr-defined]  # tarfile keeps every header it has seen
                _refuse_unsafe(path, number, member)
                if not member.isfile() or not ends_with(member.name, suffixes):
                    continue
                name = storable(member.name if with_folders else PurePosixPath(member.name).name)
                if member.size > max_bytes:
                    yield SourceFile(name, b"", "too_large")
                    continue
                content = tar.extractfile(member)
                assert content is not None                      # true of every regular file
                yield SourceFile(name, content.read())
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise MedhashError(f"{path} cannot be read: {error.strerror}",
                               "mend its permissions or its disk") from error
        raise MedhashError(f"{path} is damaged after member {number} ({error})",
                           "fetch it again and compare its checksum with the publisher's; what was decoded is kept"
                           ) from error


def folder_files(folder: Path, max_bytes: int, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> Iterator[SourceFile]:
    """Files that lie in a folder itself and end as an image does, sorted by name."""
    for path in sorted(folder.iterdir()):
        if not ends_with(path.name, suffixes):
            continue
        name = storable(path.name)
        try:
            data = None if path.stat().st_size > max_bytes else path.read_bytes()
        except OSError:                                         # its text would name the file, and with it the patient
            yield SourceFile(name, b"", "unreadable")
        else:
            yield SourceFile(name, b"", "too_large") if data is None else SourceFile(name, data)


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
        raise MedhashError(f"{path}: member {number} {problem}", "this is not an archive as published: fetch it again "
                           "from its publisher, or pack it again from a folder of plain files")
