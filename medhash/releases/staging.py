"""Where an act on the champion lays out its copies: one at a time, and nothing of it is left behind."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.lease import leased

if TYPE_CHECKING:
    from medhash.releases.registry import Registry


@contextmanager
def desk(workspace: Workspace, registry: "Registry") -> Iterator[Path]:
    """Yield an empty folder; removed at the end, or by the next act on the champion if this one is killed.

    Raises MedhashError if another act (promotion, rollback) is under way in this checkout, or by another coordinator
    on the same registered model.
    """
    folder = workspace.state / "desk"
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_name("desk.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MedhashError("another promotion is under way in this checkout", "wait for it to end") from error
        with leased(workspace, registry):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder)
