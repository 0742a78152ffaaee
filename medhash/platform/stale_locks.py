"""DVC's locks after a kill: release those of dead processes, and replace a half-written list of locks.

The lock of the whole repository (`.dvc/tmp/lock`) is the kernel's and ends with its holder. The list of paths that
running stages use (`.dvc/tmp/rwlock`, JSON: read, write → path → pid and cmd) is a plain file. DVC ignores entries
whose pid is gone. It fails on a list that a kill left half written. It also trusts a pid that another process has by
now, as after a restart of the machine or container. The list has no host names: one machine uses a checkout at a time.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from medhash.core.errors import MedhashError
from medhash.core.files import write_json
from medhash.core.process import is_alive

_WAIT_SECONDS = 30.0


def release_dead_locks(root: Path, say: Callable[[str], None]) -> None:
    """Take out the entries of dead processes; those of a running DVC stay. say: prints what was done.

    DVC's own lock guards the list: a zc.lockfile, not one of medhash.core.locks. Raises MedhashError if it stays held
    for half a minute; DVC itself holds it for milliseconds.
    """
    import zc.lockfile

    folder = root / ".dvc" / "tmp"
    path = folder / "rwlock"
    if not path.exists():
        return
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            guard = zc.lockfile.LockFile(str(folder / "rwlock.lock"))
            break
        except zc.lockfile.LockError as error:
            if time.monotonic() > deadline:
                raise MedhashError(
                    f"{folder / 'rwlock.lock'} is held by another process",
                    "find it with `fuser` on that file, and end a DVC that hangs",
                ) from error
            time.sleep(0.1)
    try:
        _clean(path, say)
    finally:
        guard.close()


def _clean(path: Path, say: Callable[[str], None]) -> None:
    try:
        locks = json.loads(path.read_bytes())
        kept = {
            "read": {
                place: [holder for holder in holders if _is_dvc(holder["pid"])]
                for place, holders in locks.get("read", {}).items()
            },
            "write": {place: holder for place, holder in locks.get("write", {}).items() if _is_dvc(holder["pid"])},
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        say(f"{path} was half written by a killed process: replaced by an empty list")
        write_json(path, {})
        return
    kept["read"] = {place: holders for place, holders in kept["read"].items() if holders}
    gone = _pids(locks) - _pids(kept)
    if gone:
        say(f"DVC's locks of {', '.join(f'process {pid}' for pid in sorted(gone))}, which no longer runs, are released")
        write_json(path, kept)


def _pids(locks: dict[str, Any]) -> set[int]:
    readers = [holder for holders in locks.get("read", {}).values() for holder in holders]
    return {int(holder["pid"]) for holder in [*readers, *locks.get("write", {}).values()]}


def _is_dvc(pid: int) -> bool:
    """Whether that process runs and is DVC. One that may not be inspected counts as DVC."""
    try:
        return is_alive(pid) and any("dvc" in word for word in psutil.Process(pid).cmdline())
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False
