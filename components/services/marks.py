"""Which processes belong to the services of a checkout: each carries a mark in its environment, and so do its children.

The mark outlives whoever started them. After `kill -9` of everything above a task, the task is found by it.
"""

from pathlib import Path

import psutil

MARK = "MEDHASH_SERVICE"


def mark(root: Path, service: str) -> dict[str, str]:
    """What to add to a service's environment. SPT_NOENV keeps Airflow, which renames its processes, from writing the
    name over the environment."""
    return {MARK: f"{service} {root.resolve()}", "SPT_NOENV": "1"}


def mark_of(process: psutil.Process) -> tuple[str, Path] | None:
    """Service and checkout that a process belongs to; None if it belongs to none, or is not ours to look at."""
    try:
        service, _, root = process.environ().get(MARK, "").partition(" ")
    except (psutil.Error, OSError):
        return None
    return (service, Path(root)) if root else None


def marked(root: Path, service: str | None = None) -> list[psutil.Process]:
    """The processes of one service, or of all services, of a checkout."""
    wanted = root.resolve()
    found = ((process, mark_of(process)) for process in psutil.process_iter())
    return [process for process, its in found if its is not None and its[1] == wanted and service in (None, its[0])]
