"""One item of the graph run by DVC, and what to say when it fails."""

import sys
from pathlib import Path

import yaml

from components.documents import GateReport
from components.graph import GATE
from components.orchestration.process import Child
from components.workspace import Workspace

DVC = [sys.executable, "-m", "dvc", "--wait-for-lock"]
"""Two items of a matrix run side by side; without waiting, the second one's finished work would be lost."""


class StageFailed(Exception):
    """A stage or its gate failed; `retry` says whether running it again could help."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry


def run_item(root: Path, item: str, child: Child) -> None:
    """Run `dvc repro` of exactly one item, such as `split` or `train@lsh`.

    Raises StageFailed. A gate that found something, or a stage that ended with a message for the user, is not
    worth a retry; anything else (killed, out of memory, a lost node) is. DVC removes the old output of a stage
    without `persist` before it runs it; after a failure the last good one is put back.
    """
    finished = child.run([*DVC, "repro", "--single-item", item])
    if finished.code == 0:
        return
    if item.startswith(GATE) and (found := _failed_expectations(root, item.removeprefix(GATE))):
        raise StageFailed(found, retry=False)
    if item in _locked(root):
        child.run([*DVC, "checkout", item])
    message = finished.message()
    if message is not None:
        raise StageFailed(f"{item}: {message}", retry=False)
    last = next((line for line in reversed(finished.tail) if line), "")
    raise StageFailed(f"{item}: `dvc repro` ended with exit code {finished.code}: {last}", retry=True)


def _failed_expectations(root: Path, stage: str) -> str | None:
    """What the gate after `stage` found, in words; None where it left no report of a failure."""
    path = Workspace(root).gate(stage)
    if not path.exists():
        return None
    failed = [check for check in GateReport.read(path).checks if not check.success]
    if not failed:
        return None
    lines = [f"the gate after {stage} stopped the run: {len(failed)} expectation(s) failed"]
    for check in failed:
        offending = f"; offending: {', '.join(check.offending)}" if check.offending else ""
        lines.append(f"  {check.about}: {check.expectation} (observed: {check.observed}{offending})")
    return "\n".join(lines)


def _locked(root: Path) -> set[str]:
    """The items that dvc.lock has results for."""
    lock = root / "dvc.lock"
    return set((yaml.safe_load(lock.read_text()) or {}).get("stages", {})) if lock.exists() else set()
