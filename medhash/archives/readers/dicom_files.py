"""Which files of a folder, and of the tars in it, are DICOM."""

import io
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from medhash.archives.dicom_header import is_dicom
from medhash.archives.files import storable, tar_files
from medhash.archives.known import NO_IMAGE, Known
from medhash.archives.memo import Place, place_of

_SUFFIXES = (".dcm", ".dicom", ".ima")
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_DIRECTORY = "DICOMDIR"
"""The name of a medium's table of contents, which is DICOM and no image. Source: PS3.10, section 8.6."""
_MAGIC_ENDS = 132


@dataclass(frozen=True)
class DicomFile:
    """A file, named by its path in the archive; `stream` is open until the next one is requested.

    reason: one of entries.REASONS where there is no stream. remembered: what the file memo holds; then no stream.
    """

    name: str
    stream: BinaryIO | None
    reason: str = ""
    place: Place | None = None
    remembered: str = ""


def dicom_files(archive: Path, max_bytes: int, known: Known | None = None) -> Generator[DicomFile]:
    """Files that end as DICOM files do, and those without ending (or with a number for one) that are DICOM.

    Order: by name, folders and tars among them; in a tar as packed. Hidden files are left out, and links
    to folders are not followed. A file of which enough is known is not opened.
    Raises MedhashError where a tar is unsafe or damaged.
    """
    for path in _sorted_files(archive):
        name = storable(path.relative_to(archive).as_posix())
        if path.name.lower().endswith(_TAR_SUFFIXES):
            yield from _in_tar(path, name, max_bytes, known)
        elif (_has_suffix(name) or _may_be_dicom(name)) and not (known and known.leaves_out(name)):
            yield from _opened(path, name, max_bytes, known)


def _in_tar(path: Path, name: str, max_bytes: int, known: Known | None) -> Iterator[DicomFile]:
    known = known.named(lambda member: f"{name}/{member}") if known else None
    for member in tar_files(path, max_bytes, ("",), with_folders=True, known=known):
        inner = f"{name}/{member.name}"
        if member.remembered:
            if member.remembered != NO_IMAGE:
                yield DicomFile(inner, None, "", member.place, member.remembered)
        elif _has_suffix(inner) if member.reason else _is_candidate(inner, member.data[:_MAGIC_ENDS]):
            yield DicomFile(inner, None if member.reason else io.BytesIO(member.data), member.reason, member.place)
        elif known:
            known.put(member.place, NO_IMAGE)


def _opened(path: Path, name: str, max_bytes: int, known: Known | None) -> Iterator[DicomFile]:
    try:
        place = place_of(path, path.stat())
        if known and (remembered := known.recall(place, name)):
            if remembered != NO_IMAGE:
                yield DicomFile(name, None, "", place, remembered)
            return
        if known and not known.wants(name):
            return
        stream = path.open("rb")
    except OSError:  # its text would name the file
        if _has_suffix(name):
            yield DicomFile(name, None, "unreadable")
        return
    with stream:
        try:
            start = stream.read(_MAGIC_ENDS)
            stream.seek(0)
            opened = place_of(path, os.fstat(stream.fileno()))
        except OSError:
            yield DicomFile(name, None, "unreadable")
            return
        if not _is_candidate(name, start):
            if known and opened == place:
                known.put(place, NO_IMAGE)
        elif opened.size > max_bytes:
            yield DicomFile(name, None, "too_large")
        else:
            yield DicomFile(name, stream, "", place if opened == place else None)


def _sorted_files(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _sorted_files(Path(entry.path))
        elif not entry.is_dir():
            yield Path(entry.path)


def _has_suffix(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES)


def _may_be_dicom(name: str) -> bool:
    """No ending, or a number, as the UIDs have by which archives name their files."""
    path = PurePath(name)
    return path.name != _DIRECTORY and (not path.suffix or path.suffix[1:].isdigit())


def _is_candidate(name: str, start: bytes) -> bool:
    return not PurePath(name).name.startswith(".") and (_has_suffix(name) or (_may_be_dicom(name) and is_dicom(start)))
