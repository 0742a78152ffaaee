"""One item of the graph run by DVC, or one act outside it, and what to say when it fails."""

import sys
from pathlib import Path

import yaml

from components.orchestration.process import Child, Finished

DVC = [sys.executable, "-m", "dvc", "--wait-for-lock"]
"""Two items of a matrix run side by side; without waiting, the second one's finished work would be lost."""


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
    """
    finished = child.run([*DVC, "repro", "--single-item", item])
    if finished.code == 0:
        return
    if item in _locked(root):
        child.run([*DVC, "checkout", item])
    raise _failure(item, finished)


def run_act(module: str, child: Child) -> None:
    """Run `python -m MODULE`, an act outside the graph. Raises StageFailed as `run_item` does."""
    finished = child.run([sys.executable, "-m", module])
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
