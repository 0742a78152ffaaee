"""The journal of a forgetting: whom, why, and what was found and done so far, so that one that was cut off can go on.

It is the one place that still names the patient (var/forgetting.json, for its owner only), and goes once nothing is
found any more.
"""

import os
import uuid
from pathlib import Path

from components.documents import Document
from components.forget.traces import Traces
from components.workspace import Workspace


class Journal(Document):
    """What is under way."""

    act: str
    """Stands in the audit log too, so that a forgetting that was cut off at its end is not written down twice."""
    reason: str
    who: str
    patients: list[Traces]
    n_files_removed: int
    scrubbed: dict[str, str]
    """`NAME VERSION` of a release that was made anew → its new version."""
    deleted: list[str]
    """`NAME VERSION` of versions that were deleted, and `a model of no version`."""


def journal_path(workspace: Workspace) -> Path:
    return workspace.state / "forgetting.json"


def read_journal(workspace: Workspace) -> Journal | None:
    path = journal_path(workspace)
    return Journal.read(path) if path.exists() else None


def new_journal(reason: str, who: str) -> Journal:
    return Journal(
        act=uuid.uuid4().hex, reason=reason, who=who, patients=[], n_files_removed=0, scrubbed={}, deleted=[]
    )


def write_journal(workspace: Workspace, journal: Journal) -> None:
    before = os.umask(0o077)
    try:
        journal.write(journal_path(workspace))
    finally:
        os.umask(before)


def end_journal(workspace: Workspace) -> None:
    """Overwrite and remove it."""
    path = journal_path(workspace)
    if path.exists():
        with path.open("r+b") as handle:
            handle.write(b"\0" * path.stat().st_size)
            handle.flush()
            os.fsync(handle.fileno())
        path.unlink()
