"""Lock files: one process of this machine, and one thread of it, at a time.

The kernel frees a lock however its process ends, SIGKILL included. The file stays: removing it would split waiters.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medhash.core.errors import MedhashError

if TYPE_CHECKING:
    from filelock import FileLock


def try_lock(path: Path) -> "FileLock | None":
    """The lock at `path`, held until its `release()`; None if somebody else holds it."""
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    # Any thread may release it. Where the file system has no flock, an error: a marker file would outlive a kill.
    lock = filelock.FileLock(path, blocking=False, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        return None
    return lock


@contextmanager
def only_one(
    path: Path, *, busy: MedhashError | None = None, on_wait: Callable[[], object] | None = None
) -> Iterator[None]:
    """Hold the lock at `path` during the block.

    busy: raised if somebody else holds the lock; without it, wait for them.
    on_wait: called once before a wait, for example to print what is waited for.
    """
    lock = try_lock(path)
    if lock is None:
        if busy is not None:
            raise busy
        if on_wait is not None:
            on_wait()
        import filelock

        lock = filelock.FileLock(path, thread_local=False, fallback_to_soft=False)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
