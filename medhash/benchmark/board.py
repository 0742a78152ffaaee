"""Progress of a run: a live table on a terminal, a line per finished item elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from medhash.benchmark.items import Item

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_SHOWN_DONE = 12


class ProgressBoard:
    """Shows what is done, running, failed or from the cache, with each item's time and headline figure."""

    def __init__(self, n_items: int, headline: Callable[[Item], str], out: TextIO | None = None) -> None:
        """headline: what to say of a finished item, such as its MAP."""
        self._n_items, self._headline = n_items, headline
        self._out = out or sys.stdout
        self._started = time.monotonic()
        self._running: dict[Item, float] = {}
        self._lines: list[tuple[str, str, str]] = []
        self._n = {"done": 0, "from cache": 0, "failed": 0}
        self._live: Live | None = None

    def __enter__(self) -> "ProgressBoard":
        if self._out.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(self._table(), console=Console(file=self._out), refresh_per_second=4)
            self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.update(self._table())
            self._live.__exit__(None, None, None)

    def started(self, item: Item) -> None:
        self._running[item] = time.monotonic()

    def finished(self, item: Item, seconds: float, from_cache: bool) -> None:
        self._running.pop(item, None)
        state = "from cache" if from_cache else "done"
        self._note(state, item, f"{seconds:6.1f} s", self._headline(item))

    def up_to_date(self, item: Item) -> None:
        self._note("from cache", item, "", self._headline(item), quiet=True)

    def failed(self, item: Item, message: str) -> None:
        self._running.pop(item, None)
        self._note("failed", item, "", message.replace("\n", " "))

    def tick(self) -> None:
        if self._live is not None:
            self._live.update(self._table())

    def summary(self) -> str:
        n_left = self._n_items - sum(self._n.values())
        return ", ".join(
            [*(f"{count} {state}" for state, count in self._n.items()), *([f"{n_left} to go"] if n_left else [])]
        )

    def _note(self, state: str, item: Item, took: str, said: str, quiet: bool = False) -> None:
        self._n[state] += 1
        self._lines.append((f"{state:<10}", f"{item!s:<34}", f"{took:>9}  {said}"))
        if self._live is None and not quiet:
            n_done, elapsed = sum(self._n.values()), time.monotonic() - self._started
            print(
                f"[{n_done:>3}/{self._n_items}] {''.join(self._lines[-1])}   "
                f"{int(elapsed // 60)}:{int(elapsed % 60):02d}",
                file=self._out,
                flush=True,
            )

    def _table(self) -> "Table":
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=self.summary(), title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
        for line in self._lines[-_SHOWN_DONE:]:
            table.add_row(*map(escape, line), style="red" if line[0].startswith("failed") else None)
        for item, started in self._running.items():
            table.add_row("running", str(item), f"{time.monotonic() - started:6.0f} s", style="bold")
        return table
