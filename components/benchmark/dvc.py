"""DVC on one data set's stages: what is up to date, and one stage run by itself."""

import json
from pathlib import Path

from components.benchmark.items import Item
from components.benchmark.sets import SetWorkspace
from components.errors import MedhashError
from components.orchestration.process import Child, Finished
from components.orchestration.stage_run import DVC

PREPARE = "dvc.yaml:prepare"
_CACHED = "is cached - skipping run"


def target(item: Item) -> str:
    """How DVC, in the data set's folder, names the item."""
    return f"rows/{item.method}/dvc.yaml:row@{item.bits}-{item.seed}"


def stale_items(workspace: SetWorkspace, items: list[Item]) -> set[Item]:
    """The items whose result is missing, or not that of the present tables, settings and code.

    Raises MedhashError with DVC's own words if it cannot tell.
    """
    finished = _silent(workspace).run([*DVC, "status", "--json", *map(target, items)])
    answer = next((line for line in reversed(finished.tail) if line.startswith("{")), None)
    if answer is None:
        raise MedhashError(
            f"DVC cannot tell what is up to date: {finished.tail[-1] if finished.tail else 'no answer'}",
            f"run `dvc status` in {workspace.root}",
        )
    changed = json.loads(answer)
    return {item for item in items if any(name.endswith(target(item)) for name in changed)}


def run_target(child: Child, name: str) -> tuple[bool, str | None]:
    """Run one stage and nothing before it: whether its result came from the cache, and why it failed, if it did."""
    finished = child.run([*DVC, "repro", "--single-item", name])
    if finished.code == 0:
        return any(_CACHED in line or "didn't change" in line for line in finished.tail), None
    return False, _reason(finished)


def _reason(finished: Finished) -> str:
    message = finished.message()
    if message is not None:
        return message
    # DVC's own last words name the stage only; the line before them is what the command said.
    said = [
        line
        for line in finished.tail
        if line.strip() and not line.startswith(("ERROR: failed to reproduce", "Running stage", "> "))
    ]
    return f"ended with exit code {finished.code}: {said[-1] if said else 'nothing was said'}"


def _silent(workspace: SetWorkspace) -> Child:
    return child_of(workspace, None)


def child_of(workspace: SetWorkspace, log: Path | None) -> Child:
    """A child process in the data set's folder whose lines go to a log file of its own."""
    if log is None:
        return Child(workspace.root, lambda _: None)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")

    def note(line: str) -> None:
        with log.open("a") as handle:
            handle.write(line + "\n")

    return Child(workspace.root, note)
