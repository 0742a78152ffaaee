"""One item of the graph, one command outside it, and the seal at the end of a run."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.graph import GATE
from medhash.core.process import Child, Finished
from medhash.platform.stale_locks import release_dead_locks

DVC = [sys.executable, "-m", "dvc", "--wait-for-lock"]
"""Two items of a matrix run in parallel. Without waiting, the result of the second would be lost."""
_BUSY = "is busy, it is being blocked by"
"""DVC's message for a path that another process holds. --wait-for-lock does not cover these locks."""
_BUSY_SECONDS = 10.0


class StageFailed(Exception):
    """A stage or its gate failed. retry: running it again could help."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry


def run_item(root: Path, item: str, child: Child) -> None:
    """Run `dvc repro` of exactly one item, such as `split` or `train@lsh`.

    Raises StageFailed. A stage that ended with an error for the user, such as a failed gate, is not worth a retry.
    Any other failure is: killed, out of memory, a lost node. DVC removes the old output of a stage without `persist`
    before it runs it; after a failure the last good output is restored. Not that of a gate: passes of an earlier run
    would say that what failed has passed.
    Waits while another DVC of this checkout uses the same paths; locks of killed processes do not count.
    """
    while True:
        release_dead_locks(root, child.on_line)
        finished = child.run([*DVC, "repro", "--single-item", item])
        if finished.code == 0 or not any(_BUSY in line for line in finished.tail):
            break
        child.on_line(
            f"{item} waits for the processes named above, which use the same files; next try in {_BUSY_SECONDS:.0f} s"
        )
        time.sleep(_BUSY_SECONDS)
    if finished.code == 0:
        return
    if item in _locked(root) and not item.startswith(GATE):
        child.run([*DVC, "checkout", item])
    raise _failure(item, finished)


def run_command(command: str, child: Child, arguments: Sequence[str] = (), module: str = "medhash.cli") -> None:
    """Run `medhash COMMAND ARGUMENTS`, a command outside the graph. Raises StageFailed as `run_item` does.

    module: the module of the command line.
    """
    finished = child.run([sys.executable, "-m", module, command, *arguments])
    if finished.code != 0:
        raise _failure(command, finished)


def _failure(name: str, finished: Finished) -> StageFailed:
    message = finished.message()
    if message is not None:
        return StageFailed(message, retry=False)
    last = next((line for line in reversed(finished.tail) if line), "")
    return StageFailed(f"{name} ended with exit code {finished.code}: {last}", retry=True)


def _locked(root: Path) -> set[str]:
    """The items with results in dvc.lock."""
    lock = root / "dvc.lock"
    return set((yaml.safe_load(lock.read_text()) or {}).get("stages", {})) if lock.exists() else set()


def seal(root: Path, child: Child) -> str:
    """SHA-256 of dvc.lock, once `dvc status` finds nothing stale.

    Stages that are run by name ignore their upstream stages. Without this check, a change during the run would go
    unnoticed. Raises MedhashError naming the stale stages.
    """
    if child.run([*DVC, "status", "--quiet"]).code != 0:
        raise MedhashError(
            f"these stages are stale: {', '.join(_stale(child)) or 'see dvc status'}",
            "data, code or settings changed during the run: run it again",
        )
    return sha256_file(root / "dvc.lock")


def _stale(child: Child) -> list[str]:
    finished = child.run([*DVC, "status", "--json"])
    for line in reversed(finished.tail):
        if line.startswith("{"):
            return sorted(json.loads(line))
    return []
