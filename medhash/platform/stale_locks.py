"""DVC's locks after a kill: what dead processes hold is given free, and a half-written list of locks is begun anew.

The lock of the whole repository (`.dvc/tmp/lock`) is the kernel's and ends with its holder. The list of paths that
running stages read and write (`.dvc/tmp/rwlock`, JSON: read, write → path → pid and cmd) is a plain file. DVC forgives
entries whose pid is gone, but neither a list that a kill left half written, which fails every command from then on,
nor a pid that something else has by now, as is usual after a restart of the machine or of a container.
A checkout is worked on by one machine at a time: the list has no host names.
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
    """Take out the entries of dead processes; those of a running DVC stay. `say` is told what was done.

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
                    "find it with `fuser` on that file; a DVC that hangs is to be ended",
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
        say(f"{path} was cut off by a kill: begun anew")
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
    """Whether that process runs and is DVC; when it cannot be told, it counts as DVC."""
    try:
        return is_alive(pid) and any("dvc" in word for word in psutil.Process(pid).cmdline())
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False
