"""One item of the graph run by DVC, or one act outside it, and what to say when it fails."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from components.orchestration.process import Child, Finished
from components.orchestration.stale_locks import release_dead_locks

DVC = [sys.executable, "-m", "dvc", "--wait-for-lock"]
"""Two items of a matrix run side by side; without waiting, the second one's finished work would be lost."""
_BUSY = "is busy, it is being blocked by"
"""What DVC says of a path that another process holds; its --wait-for-lock does not cover these locks."""
_BUSY_SECONDS = 10.0


class StageFailed(Exception):
    """A stage or its gate failed; `retry` says whether running it again could help."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry


def run_item(root: Path, item: str, child: Child) -> None:
    """Run `dvc repro` of exactly one item, such as `split` or `train@lsh`.

    Raises StageFailed. A stage that ended with a message for the user, as a gate that found something does, is not
    worth a retry; anything else (killed, out of memory, a lost node) is. DVC removes the old output of a stage
    without `persist` before it runs it; after a failure the last good one is put back.
    While another DVC of this checkout reads or writes the same paths, this waits; locks of killed ones do not count.
    """
    while True:
        release_dead_locks(root, child.on_line)
        finished = child.run([*DVC, "repro", "--single-item", item])
        if finished.code == 0 or not any(_BUSY in line for line in finished.tail):
            break
        child.on_line(
            f"{item} waits: the processes named above are at work on the same files; "
            f"looking again in {_BUSY_SECONDS:.0f} s"
        )
        time.sleep(_BUSY_SECONDS)
    if finished.code == 0:
        return
    if item in _locked(root):
        child.run([*DVC, "checkout", item])
    raise _failure(item, finished)


def run_act(module: str, child: Child, arguments: Sequence[str] = ()) -> None:
    """Run `python -m MODULE ARGUMENTS`, an act outside the graph. Raises StageFailed as `run_item` does."""
    finished = child.run([sys.executable, "-m", module, *arguments])
    if finished.code != 0:
        raise _failure(module, finished)


def _failure(name: str, finished: Finished) -> StageFailed:
    message = finished.message()
    if message is not None:
        return StageFailed(message, retry=False)
    last = next((line for line in reversed(finished.tail) if line), "")
    return StageFailed(f"{name} ended with exit code {finished.code}: {last}", retry=True)


def _locked(root: Path) -> set[str]:
    """The items that dvc.lock has results for."""
    lock = root / "dvc.lock"
    return set((yaml.safe_load(lock.read_text()) or {}).get("stages", {})) if lock.exists() else set()
