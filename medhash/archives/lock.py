"""One ingest at a time: two would fight over the decode cache and the output folder."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from medhash.core.errors import MedhashError
from medhash.core.locks import only_one
from medhash.core.workspace import Workspace


@contextmanager
def only_ingest(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace's ingest lock and remove the half-written output folders of killed runs.

    Raises MedhashError if another ingest holds the lock.
    """
    busy = MedhashError("another ingest is working in this checkout", "wait until it has ended")
    with only_one(workspace.state / "ingest.lock", busy=busy):
        target = workspace.images.parent
        for leftover in target.parent.glob(f".{target.name}.*.tmp"):
            shutil.rmtree(leftover)
        yield
