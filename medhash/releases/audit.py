"""The log itself: a JSON document per line, each holding the digest of the line before it, so that a change shows."""

import fcntl
import getpass
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from medhash.core.documents import Document
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace

WHO_VARIABLE = "MEDHASH_WHO"
_START = "0" * 64


class Entry(Document):
    """A line of the log."""

    number: int
    """1, 2, 3 …"""
    at: str
    """UTC, ISO 8601, seconds."""
    who: str
    act: str
    """promote, refuse, force, hold, lift, rollback, forget …"""
    what: dict[str, Any]
    """The details of the act; never an identifying value, of a forgotten patient not even the pseudonym."""
    previous: str
    """SHA-256 of the line before, without its line end; 64 zeros in the first."""


class Line(NamedTuple):
    """An entry and the SHA-256 of its line."""

    entry: Entry
    digest: str


def requester() -> str:
    """Who acts: MEDHASH_WHO where it is set, as Airflow's tasks do, else the account of this machine."""
    return os.environ.get(WHO_VARIABLE) or getpass.getuser()


def append(workspace: Workspace, act: str, what: dict[str, Any], who: str | None = None) -> Line:
    """Add an entry and return it once it is safe on disk; two processes wait for each other.

    A line that a killed process left half written stays, and is told from the others by not being a document.
    """
    path = workspace.audit_log
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        text = handle.read()
        lines = _whole_lines(path, text)
        last = lines[-1] if lines else None
        entry = Entry(
            number=last.entry.number + 1 if last else 1,
            who=who or requester(),
            act=act,
            what=what,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            previous=last.digest if last else _START,
        )
        line = json.dumps(entry.model_dump(mode="json"), sort_keys=True, ensure_ascii=False).encode()
        handle.write((b"\n" if text and not text.endswith(b"\n") else b"") + line + b"\n")
        handle.flush()
        os.fsync(handle.fileno())
    return Line(entry, hashlib.sha256(line).hexdigest())


def append_once(workspace: Workspace, act: str, what: dict[str, Any], who: str | None = None) -> Line:
    """Append, unless the very same act by the same person is the last line: then that line.

    So a run that was cut off after this line finds it again, while an act that was undone in between is a new one.
    """
    lines = read_log(workspace)
    if lines:
        last = lines[-1].entry
        if (last.act, last.who, last.what) == (act, who or requester(), what):
            return lines[-1]
    return append(workspace, act, what, who)


def read_log(workspace: Workspace) -> list[Line]:
    """All entries, oldest first, each checked against the one before it; none where there is no log yet.

    Raises MedhashError naming the first line that was changed, taken out or put in. That lines were cut off the end
    shows only against a digest kept elsewhere, as every promotion keeps one in MLflow (tag `audit`).
    """
    path = workspace.audit_log
    return _whole_lines(path, path.read_bytes()) if path.exists() else []


def _whole_lines(path: Path, text: bytes) -> list[Line]:
    lines: list[Line] = []
    for number, raw in enumerate(text.split(b"\n"), 1):
        try:
            entry = Entry.model_validate(json.loads(raw))
        except ValueError:
            continue  # half a line of a killed process, or what follows the last line end
        digest = lines[-1].digest if lines else _START
        if entry.previous != digest or entry.number != len(lines) + 1:
            raise MedhashError(
                f"{path}: line {number} does not follow from the one before it: the log was changed",
                "compare the log with a backup; medhash only appends to it",
            )
        lines.append(Line(entry, hashlib.sha256(raw).hexdigest()))
    return lines
