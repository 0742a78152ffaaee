"""Items run side by side by DVC, each in a process of its own; a failed one stops no other but those that read it."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from medhash.benchmark.items import Item, needs
from medhash.core.data_sets import SetWorkspace
from medhash.core.errors import MedhashError
from medhash.core.process import Child, Finished
from medhash.platform.stage_run import DVC

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


_TICK_SECONDS = 0.5


class Board(Protocol):
    """Whoever shows how far the run is."""

    def started(self, item: Item) -> None: ...
    def finished(self, item: Item, seconds: float, from_cache: bool) -> None: ...
    def failed(self, item: Item, message: str) -> None: ...
    def tick(self) -> None: ...


@dataclass
class _Running:
    children: dict[Future[tuple[bool, str | None]], tuple[Item, Child, float]] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)


def run_items(
    workspace: SetWorkspace,
    items: list[Item],
    jobs: int,
    board: Board,
    run: Callable[[Child, str], tuple[bool, str | None]] = run_target,
) -> dict[Item, str]:
    """Run the items, at most `jobs` at once; returns the failed ones and why.

    An interrupt stops every child and is passed on: what has finished stays finished.
    """
    waiting, failed = list(items), {}  # type: list[Item], dict[Item, str]
    unfinished = set(items)
    running = _Running()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while waiting or running.children:
                for item in [one for one in waiting if not unfinished.intersection(needs(one))]:
                    broken = next((other for other in needs(item) if other in failed), None)
                    if broken is not None:
                        waiting.remove(item)
                        unfinished.discard(item)
                        failed[item] = f"it reads the row {broken}, which failed"
                        board.failed(item, failed[item])
                    elif len(running.children) < jobs:
                        waiting.remove(item)
                        _start(workspace, item, pool, running, run)
                        board.started(item)
                done, _ = wait(running.children, timeout=_TICK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    item, _, started = running.children.pop(future)
                    unfinished.discard(item)
                    from_cache, message = future.result()
                    if message is None:
                        board.finished(item, time.monotonic() - started, from_cache)
                    else:
                        failed[item] = message
                        board.failed(item, message)
                board.tick()
        except BaseException:
            _stop(running)
            raise
    return failed


def _start(
    workspace: SetWorkspace,
    item: Item,
    pool: ThreadPoolExecutor,
    running: _Running,
    run: Callable[[Child, str], tuple[bool, str | None]],
) -> None:
    child = child_of(workspace, workspace.state / "logs" / f"{item.method}-{item.bits}-{item.seed}.log")

    def work() -> tuple[bool, str | None]:
        return (False, "stopped") if running.stopping.is_set() else run(child, target(item))

    running.children[pool.submit(work)] = (item, child, time.monotonic())


def _stop(running: _Running) -> None:
    """End every child; again and again, as one may be about to start its process."""
    running.stopping.set()
    while not all(future.done() for future in running.children):
        for _, child, _ in running.children.values():
            child.stop()
        wait(running.children, timeout=_TICK_SECONDS)
