"""One item of the graph run by DVC, and what to say when it fails."""

import sys
from pathlib import Path

import yaml

from components.orchestration.process import Child

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
    message = finished.message()
    if message is not None:
        raise StageFailed(f"{item}: {message}", retry=False)
    last = next((line for line in reversed(finished.tail) if line), "")
    raise StageFailed(f"{item}: `dvc repro` ended with exit code {finished.code}: {last}", retry=True)


def _locked(root: Path) -> set[str]:
    """The items that dvc.lock has results for."""
    lock = root / "dvc.lock"
    return set((yaml.safe_load(lock.read_text()) or {}).get("stages", {})) if lock.exists() else set()
