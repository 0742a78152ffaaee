"""One ingest at a time: two would fight over the decode cache and the output folder."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace


@contextmanager
def only_ingest(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace's ingest lock; the kernel frees it whatever happens to the process.

    Half-written output folders of runs that were killed are removed: nobody else can be writing one.
    Raises MedhashError if another ingest holds the lock.
    """
    path: Path = workspace.state / "ingest.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MedhashError("another ingest is working in this checkout", "wait until it has ended") from error
        target = workspace.images.parent
        for leftover in target.parent.glob(f".{target.name}.*.tmp"):
            shutil.rmtree(leftover)
        yield
