"""What an archive looks like from outside: one digest over the names, sizes and times of its files."""

import hashlib
import os
import stat
from pathlib import Path

from components.documents import Document
from components.errors import MedhashError

_MODULUS = 1 << 256


class Signature(Document):
    """Equal signatures: no file came, went or changed. Holds no name of a file, as those identify patients."""

    digest: str
    n_files: int
    n_bytes: int


def look_at(archive: Path, others: list[Path] | None = None) -> Signature:
    """The signature of an archive's folder with all below it, and of files elsewhere that belong to it.

    digest = Σ SHA-256(name, size, mtime) mod 2^256 over the files, so the order in which the file system lists them
    does not matter and none is kept in memory. Links are followed; a folder that is met again is not entered again.
    others: read whole, since git gives a file a new time where its content is the same; one that is absent is empty.
    Raises MedhashError where the archive is missing, is empty (as a share that is not mounted is) or cannot be read.
    """
    if not archive.is_dir():
        raise MedhashError(
            f"the archive {archive} is {'no folder' if archive.exists() else 'not there'}",
            "mount or restore it, or set ingest.archive in params.yaml",
        )
    total = n_files = n_bytes = 0
    folders, seen = [archive], set()
    try:
        while folders:
            folder = folders.pop()
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    size, time_ns, is_folder = _status(entry)
                    if is_folder:
                        folders.append(Path(entry.path))
                        continue
                    total += _number(os.path.relpath(entry.path, archive), size, time_ns)
                    n_files += 1
                    n_bytes += max(size, 0)
    except OSError as error:
        # Not the path: below the archive, names identify patients.
        raise MedhashError(
            f"the archive {archive} could not be read through: {error.strerror}",
            "let the account that runs Airflow read every folder in it, then look again",
        ) from error
    if not n_files:
        raise MedhashError(f"the archive {archive} holds no file", "see that its disk or share is mounted")
    for place, other in enumerate(others or []):
        content = other.read_bytes() if other.is_file() else b""
        total += _number(f"/{place}", len(content), int.from_bytes(hashlib.sha256(content).digest()))
    return Signature(digest=f"{total % _MODULUS:064x}", n_files=n_files, n_bytes=n_bytes)


def _status(entry: os.DirEntry[str]) -> tuple[int, int, bool]:
    """Size, time and whether it is a folder; -1 for a link to nowhere and for a file that went away just now."""
    try:
        status = entry.stat()
    except FileNotFoundError:
        return -1, 0, False
    return status.st_size, status.st_mtime_ns, stat.S_ISDIR(status.st_mode)


def _number(name: str, size: int, time_ns: int) -> int:
    text = f"{size} {time_ns} {name}".encode(errors="surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest())
