"""Who watches the services of a checkout, and how they are: var/run/services.json, and a lock that the watcher holds.

The kernel frees the lock whatever happens to its holder, so a file left by `kill -9` or by a reboot deceives nobody.
"""

import contextlib
import fcntl
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
"""A watcher writes down when it began a little after its process started."""


class ServiceState(Document):
    """One service as its watcher last saw it."""

    name: str
    pid: int | None
    port: int | None
    healthy: bool | None
    """None: not known yet, or not to be known now."""
    started_at: float
    """Seconds since 1970."""
    restarts: int
    gave_up: bool
    """It ended too often in a row and is not started again."""
    log: str


class State(Document):
    """The watcher and its services."""

    pid: int
    who: str
    host: str
    started_at: float
    """Seconds since 1970."""
    airflow_port: int
    mlflow_port: int
    phase: Literal["starting", "running", "stopping", "failed"]
    problem: str
    """Why it failed; else empty."""
    fix: str
    services: list[ServiceState]

    def holder(self) -> str:
        """Who, where and since when, for people."""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started_at))
        return (
            f"started by {self.who} on {self.host} at {since}, process {self.pid}: Airflow on port "
            f"{self.airflow_port}, MLflow on port {self.mlflow_port}"
        )


def state_file(workspace: Workspace) -> Path:
    return workspace.state / "run" / "services.json"


def acquire(workspace: Workspace) -> IO[str] | None:
    """The lock, held until it is closed; None if somebody holds it."""
    path = workspace.state / "run" / "services.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


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
    """What the watcher last wrote; None if nothing, even after waiting so long for a watcher that just started."""
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


def here() -> tuple[str, str]:
    """Who this process works for, and on which machine."""
    return getpass.getuser(), socket.gethostname()


def watches_here(state: State) -> bool:
    """Whether the watcher is a process of this machine: its number is taken by one that started when it did.

    The machine's name does not tell: laptops change theirs.
    """
    import psutil

    try:
        return abs(psutil.Process(state.pid).create_time() - state.started_at) < _SAME_START_SECONDS
    except psutil.NoSuchProcess:
        return False
