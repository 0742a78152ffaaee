"""Progress of a run in a terminal: a line per finished item, and the output of the running one below."""

import re
import shutil
import sys
import time
from typing import Any, TextIO

from medhash.platform.airflow.operators import parse_progress

_SAID = re.compile(r"\]\s+(.*?)\s+\[airflow\.task\.operators\.medhash\.")
"""The output of a stage, between level and logger in Airflow's console format."""

_QUIET_SECONDS = 30.0


class Progress:
    """Reads the log of a run line by line and prints the progress."""

    def __init__(self, n_items: int, out: TextIO = sys.stdout) -> None:
        self.n_items = n_items
        self.n_done = 0
        self.failed: dict[str, str] = {}
        """Item → message of its last failure."""
        self.seconds: dict[str, float] = {}
        """Item → how long it took."""
        self.said: dict[str, list[str]] = {}
        """Item → the lines it printed."""
        self._running = ""
        self._started = time.monotonic()
        self._out = out
        self._live = out.isatty()
        self._last_shown = self._started

    def read(self, line: str) -> None:
        """Take one line of the log."""
        event = parse_progress(line)
        if event is not None:
            self._take(event)
        elif self._running and (said := _SAID.search(line)) and said[1].strip():
            self.said[self._running].append(said[1])
            self._show_live(said[1])

    def _take(self, event: dict[str, Any]) -> None:
        item = event["item"]
        if event["state"] == "started":
            self._running = item
            self.said[item] = []
            self._show_live("")
        elif event["state"] == "done":
            self.n_done += 1
            self.failed.pop(item, None)
            self.seconds[item] = event["seconds"]
            self._print(f"[{self.n_done:>2}/{self.n_items}] {item:<22} {event['seconds']:>6.1f} s   {self._elapsed()}")
        elif event["state"] == "failed":
            self.failed[item] = event["message"]
            self._print(f"[ ✗ /{self.n_items}] {item:<22} failed     {self._elapsed()}")

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes}:{seconds:02d}"

    def _print(self, text: str) -> None:
        self._last_shown = time.monotonic()
        self._out.write(("\r\x1b[K" if self._live else "") + text + "\n")
        self._out.flush()

    def _show_live(self, said: str) -> None:
        """The running item and its last output: overwritten on a terminal, else printed twice a minute."""
        text = f"        {self._running} … {said}"
        if self._live:
            self._out.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
            self._out.flush()
        elif time.monotonic() - self._last_shown > _QUIET_SECONDS:
            self._print(text)
