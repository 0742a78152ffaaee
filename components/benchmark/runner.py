"""Items run side by side by DVC, each in a process of its own; a failed one stops no other but those that read it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

from components.benchmark.dvc import child_of, run_target, target
from components.benchmark.items import Item, needs
from components.benchmark.sets import SetWorkspace
from components.orchestration.process import Child

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
