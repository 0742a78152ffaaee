"""What the last decision was, for whoever asks after a run: decisions/latest.json."""

from components.documents import Document
from components.workspace import Workspace


class Latest(Document):
    """Version None: refused before anything was registered."""

    model: str
    version: str | None
    promoted: bool
    outcome: str
    """promoted, forced, held, not promoted, or champion already."""
    why: str
    failed_clauses: list[str]
    renewed: str | None = None
    """What became of the champion's gallery, where images came or left while the champion stayed."""


def write_latest(workspace: Workspace, latest: Latest) -> None:
    latest.write(workspace.decisions / "latest.json")
