"""Who runs the services of a checkout: var/run/services.json, and a lock that supervisord holds.

The kernel frees the lock whatever happens to its holder: a file left by `kill -9` or by a reboot misleads nobody.
"""

import contextlib
import getpass
import socket
import time
from pathlib import Path
from typing import IO, Literal

from medhash.core.documents import Document
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace

_READ_SECONDS = 5.0
_SAME_START_SECONDS = 120.0
"""Between the start of a process and the note of it here."""


class State(Document):
    """The start of the services."""

    pid: int
    """supervisord; while the databases are prepared, the command that starts it."""
    who: str
    host: str
    started_at: float
    """Seconds since 1970, of that process."""
    airflow_port: int
    mlflow_port: int
    phase: Literal["starting", "running", "stopping", "failed"]
    problem: str = ""
    """Why it failed; else empty."""
    fix: str = ""

    def holder(self) -> str:
        """Who, where and since when, for people."""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started_at))
        return (
            f"started by {self.who} on {self.host} at {since}, process {self.pid}: Airflow on port "
            f"{self.airflow_port}, MLflow on port {self.mlflow_port}"
        )


def new_state(pid: int, airflow_port: int, mlflow_port: int) -> State:
    """A start by this account on this machine, now."""
    return State(
        pid=pid,
        who=getpass.getuser(),
        host=socket.gethostname(),
        started_at=time.time(),
        airflow_port=airflow_port,
        mlflow_port=mlflow_port,
        phase="starting",
    )


def state_file(workspace: Workspace) -> Path:
    return workspace.state / "run" / "services.json"


def acquire(workspace: Workspace) -> IO[str] | None:
    """The locked file, until it is closed by all who have it open; None if somebody holds the lock.

    Not a lock of medhash.core.locks: its file is handed over to supervisord, open and locked.
    """
    from filelock import lock_descriptor

    path = workspace.state / "run" / "services.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a")
    if lock_descriptor(handle.fileno(), blocking=False):
        return handle
    handle.close()
    return None


def acquire_or_refuse(workspace: Workspace) -> IO[str]:
    """The lock. Raises MedhashError naming who holds it, where, and how to reach or stop it."""
    lock = acquire(workspace)
    if lock is None:
        state = last_state(workspace, _READ_SECONDS)
        raise MedhashError(
            "the services of this checkout run already" + (f", {state.holder()}" if state else ""),
            "use those (medhash status shows them), or stop them first: medhash down, or Ctrl-C where medhash ui runs",
        )
    return lock


def last_state(workspace: Workspace, seconds: float = 0.0) -> State | None:
    """What was last written; None if nothing, even after waiting so long for a command that just started."""
    path, deadline = state_file(workspace), time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    if not path.exists():
        return None
    try:
        return State.read(path)
    except MedhashError:
        with contextlib.suppress(FileNotFoundError):
            path.rename(path.with_suffix(".unreadable"))  # of another version, or damaged: kept to be looked at
        return None


def runs_here(state: State) -> bool:
    """Whether its process is one of this machine: the number is taken by one that started when it did.

    The machine's name does not tell: laptops change theirs.
    """
    import psutil

    try:
        return abs(psutil.Process(state.pid).create_time() - state.started_at) < _SAME_START_SECONDS
    except psutil.NoSuchProcess:
        return False
