"""Where a promotion lays out its copies: one at a time, and nothing of it is left behind."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.errors import MedhashError
from components.workspace import Workspace


@contextmanager
def desk(workspace: Workspace) -> Iterator[Path]:
    """Yield an empty folder; removed at the end, or by the next promotion if this one is killed.

    Raises MedhashError if another promotion is under way in this checkout.
    """
    folder = workspace.state / "promotion"
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_name("promotion.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MedhashError("another promotion is under way in this checkout", "wait for it to end") from error
        shutil.rmtree(folder)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
