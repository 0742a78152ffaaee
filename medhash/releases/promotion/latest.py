"""The outcome of the last decision, decisions/latest.json. Light to import: Airflow's DAG files read it."""

from medhash.core.documents import Document
from medhash.core.workspace import Workspace


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
