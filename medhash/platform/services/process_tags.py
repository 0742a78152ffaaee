"""Tags in the environment of what a service starts: whose process is it, whoever its parent is by now."""

from pathlib import Path

import psutil

TAG = "MEDHASH_SERVICE"


def tag(root: Path, service: str) -> dict[str, str]:
    """What to add to a service's environment.

    SPT_NOENV keeps Airflow, which renames its processes, from writing the name over the environment.
    """
    return {TAG: f"{service} {root.resolve()}", "SPT_NOENV": "1"}


def tag_of(process: psutil.Process) -> tuple[str, Path] | None:
    """Service and checkout that a process belongs to; None if it belongs to none, or is not ours to look at."""
    try:
        service, _, root = process.environ().get(TAG, "").partition(" ")
    except (psutil.Error, OSError):
        return None
    return (service, Path(root)) if root else None


def tagged(root: Path, service: str | None = None) -> list[psutil.Process]:
    """The processes of one service, or of all services, of a checkout."""
    wanted = root.resolve()
    found = ((process, tag_of(process)) for process in psutil.process_iter())
    return [process for process, its in found if its is not None and its[1] == wanted and service in (None, its[0])]
