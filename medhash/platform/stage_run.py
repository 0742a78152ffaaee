"""The seal at the end of a run: nothing is stale, and this is the digest of dvc.lock that says what was computed."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.process import Child, Finished
from medhash.platform.stale_locks import release_dead_locks

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


def seal(root: Path, child: Child) -> str:
    """SHA-256 of dvc.lock, once `dvc status` finds that every result agrees with data, code and settings.

    Single stages run by name do not look at what lies before them, so a change made while the run was under way
    would go unnoticed without this. Raises MedhashError naming the stale stages.
    """
    if child.run([*DVC, "status", "--quiet"]).code != 0:
        raise MedhashError(
            f"these stages are stale: {', '.join(_stale(child)) or 'dvc status tells which'}",
            "data, code or settings changed during the run: run it again",
        )
    return sha256_file(root / "dvc.lock")


def _stale(child: Child) -> list[str]:
    finished = child.run([*DVC, "status", "--json"])
    for line in reversed(finished.tail):
        if line.startswith("{"):
            return sorted(json.loads(line))
    return []
