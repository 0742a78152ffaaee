"""The decision at each look: nothing new, not yet at rest, or time for a run."""

import hashlib
import os
import stat
from pathlib import Path
from typing import Literal, NamedTuple

from medhash.core.documents import Document
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams
from medhash.core.params.ingest import joined_settings
from medhash.core.workspace import Workspace

_MODULUS = 1 << 256
_SAYS = {
    "unchanged": "the archive is as it was when the last run was started for it: {n_files} files, {gigabytes:.1f} GB",
    "changing": "the archive is not as it was at the last look: {n_files} files, {gigabytes:.1f} GB; a run starts once "
    "two looks in a row find it the same",
    "changed": "the archive has changed and come to rest: {n_files} files, {gigabytes:.1f} GB; a run starts",
}


class Signature(Document):
    """Equal signatures: no file came, went or changed. Holds no name of a file, as those identify patients."""

    digest: str
    n_files: int
    n_bytes: int


def look_at(archive: Path, others: list[Path] | None = None) -> Signature:
    """The signature of an archive's folder with all below it, and of files elsewhere that belong to it.

    digest = Σ SHA-256(name, size, mtime) mod 2^256 over the files. It does not depend on the order of listing, and
    needs no list in memory. Links are followed; a folder that is met again is not entered again.
    others: compared by content, as git changes a file's time without its content. An absent file counts as empty.
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
        # Without the path: names below the archive identify patients.
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
    """Size, time and whether it is a folder; size -1 for a broken link and a file that was just removed."""
    try:
        status = entry.stat()
    except FileNotFoundError:
        return -1, 0, False
    return status.st_size, status.st_mtime_ns, stat.S_ISDIR(status.st_mode)


def _number(name: str, size: int, time_ns: int) -> int:
    text = f"{size} {time_ns} {name}".encode(errors="surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest())


class WatchState(Document):
    """var/watch/archive.json: what the last looks saw."""

    seen: Signature
    """At the last look."""
    announced: Signature | None
    """What the last run was started for; None: none yet."""
    announced_by: str
    """The look that started it, so that its repetition after a crash starts it again, and no other look does."""


class Look(NamedTuple):
    verdict: Literal["unchanged", "changing", "changed"]
    """changed: it differs from what the last run was started for, and is as it was at the last look."""
    now: Signature
    says: str


def look(workspace: Workspace, ingest: IngestParams, name: str) -> Look:
    """Look at the archive and at the list of forgotten patients once, and remember what was seen.

    name: of this look. A change is announced once: by the look that first finds it at rest. The same look, repeated
    under its name as after a crash, announces it again. Raises MedhashError if the archive cannot be read; then
    nothing is remembered.
    """
    now = look_at(workspace.root / ingest.archive, _elsewhere(workspace, ingest))
    path = workspace.state / "watch" / "archive.json"
    before = _read(path)
    announced, by = (before.announced, before.announced_by) if before else (None, "")
    if announced == now and by == name:
        verdict: Literal["unchanged", "changing", "changed"] = "changed"
    elif announced == now:
        verdict = "unchanged"
    elif before is not None and before.seen == now:
        verdict, announced, by = "changed", now, name
    else:
        verdict = "changing"
    WatchState(seen=now, announced=announced, announced_by=by).write(path)
    return Look(verdict, now, _SAYS[verdict].format(n_files=now.n_files, gigabytes=now.n_bytes / 1e9))


def _elsewhere(workspace: Workspace, ingest: IngestParams) -> list[Path]:
    """What else decides what ingest takes: the forgotten patients, and DICOM's labels outside of the archive."""
    archive = workspace.root / ingest.archive
    labels = [archive / ingest.dicom.labels] if ingest.source == "dicom" else []
    if ingest.source == "mixed":
        labels = [
            archive / joined.archive / joined_settings(ingest, joined).dicom.labels
            for joined in ingest.mixed.archives
            if joined.source == "dicom"
        ]
    return [workspace.forgotten, *labels]


def _read(path: Path) -> WatchState | None:
    if not path.exists():
        return None
    try:
        return WatchState.read(path)
    except MedhashError as error:
        raise MedhashError(
            f"{path} is damaged: {error.problem}",
            "delete it: two looks later a run starts, whether or not the archive changed",
        ) from error
