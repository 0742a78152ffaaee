"""The decision at each look: nothing new, not yet at rest, or time for a run."""

from pathlib import Path
from typing import Literal, NamedTuple

from components.archive_watch.signature import Signature, look_at
from components.documents import Document
from components.errors import MedhashError
from components.params import IngestParams
from components.params_mixed import settings_of
from components.workspace import Workspace


class State(Document):
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

    name: of this look. A change is announced once: by the look that first finds it at rest. That look says so again if
    it is repeated under the same name, as after a crash between its verdict and its report. Raises MedhashError where
    the archive cannot be read; then nothing is remembered.
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
    State(seen=now, announced=announced, announced_by=by).write(path)
    return Look(verdict, now, _SAYS[verdict].format(n_files=now.n_files, gigabytes=now.n_bytes / 1e9))


_SAYS = {
    "unchanged": "the archive is as it was when the last run was started for it: {n_files} files, {gigabytes:.1f} GB",
    "changing": "the archive is not as it was at the last look: {n_files} files, {gigabytes:.1f} GB; a run starts once "
    "two looks in a row find it the same",
    "changed": "the archive has changed and come to rest: {n_files} files, {gigabytes:.1f} GB; a run starts",
}


def _elsewhere(workspace: Workspace, ingest: IngestParams) -> list[Path]:
    """What else decides what ingest takes: the forgotten patients, and DICOM's labels where they lie apart."""
    archive = workspace.root / ingest.archive
    labels = [archive / ingest.dicom.labels] if ingest.source == "dicom" else []
    if ingest.source == "mixed":
        labels = [
            archive / joined.archive / settings_of(ingest, joined).dicom.labels
            for joined in ingest.mixed.archives
            if joined.source == "dicom"
        ]
    return [workspace.forgotten, *labels]


def _read(path: Path) -> State | None:
    if not path.exists():
        return None
    try:
        return State.read(path)
    except MedhashError as error:
        raise MedhashError(
            f"{path} is damaged: {error.problem}",
            "delete it: two looks later a run starts, whether or not the archive changed",
        ) from error
