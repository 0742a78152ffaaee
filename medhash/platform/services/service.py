"""A long-running service of its own session: started, asked for its health, and stopped with all it started."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from medhash.core.errors import MedhashError
from medhash.core.process import end_family
from medhash.platform.services.ports import mark, marked

_STOP_SECONDS = 30.0
Health = Callable[[float], bool | None]
"""When the service was started (seconds since 1970) → is it healthy since then; None: that cannot be known now."""


class Service:
    """One program. After `stop` no process it started is left, whoever that process' parent is by then."""

    def __init__(
        self,
        name: str,
        argv: list[str],
        environment: dict[str, str],
        root: Path,
        log: Path,
        health: Health,
        *,
        has_tasks: bool = False,
    ) -> None:
        """has_tasks: it runs the tasks of a DAG, which must not be told apart from failed ones by being stopped."""
        self.name, self.log = name, log
        self._argv, self._environment = argv, environment | mark(root, name)
        self._root, self._health, self._has_tasks = root, health, has_tasks
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = False
        self.started_at = 0.0
        """Seconds since 1970."""

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.started_at, self._asked = time.time(), False
        with self.log.open("ab") as handle:
            # A session of its own: Ctrl-C reaches only us, and we stop the services in an orderly way.
            self._process = subprocess.Popen(
                self._argv,
                env=self._environment,
                cwd=self._root,
                stdout=handle,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_take_interrupts,
            )

    def ask_to_stop(self) -> None:
        """SIGINT, which these services take as the request to end in order. Returns at once."""
        if self._process is not None and not self.ended and not self._asked:
            self._asked = True
            self._process.send_signal(signal.SIGINT)
            if self._has_tasks:
                _kill_runners(self._process.pid)

    def stop(self) -> None:
        """Ask it to end and wait; what is left after that is ended too."""
        self.ask_to_stop()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        end_family(marked(self._root, self.name))
        if self._process is not None:
            self._process.wait()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and not self.ended else None

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode if self._process is not None else None

    @property
    def healthy(self) -> bool | None:
        """None if that cannot be known now."""
        return False if self.ended else self._health(self.started_at)

    def wait_until_healthy(self, seconds: float) -> None:
        """Raises MedhashError, naming the log, if it ends or is not healthy in time."""
        deadline = time.monotonic() + seconds
        while not self.healthy:
            if self.ended:
                raise MedhashError(f"{self.name} ended while it started", f"{self.log} tells why")
            if time.monotonic() > deadline:
                raise MedhashError(f"{self.name} was not healthy within {seconds:.0f} s", f"{self.log} tells why")
            time.sleep(0.5)


def _kill_runners(scheduler: int) -> None:
    """Kill what runs a scheduler's tasks (its children, and theirs) at once, before one can report a failure.

    The scheduler that starts next finds tasks that nobody runs, and runs them again without counting a try.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(scheduler).children()
        grandchildren = [process for child in children for process in _children(child)]
        for process in (*children, *grandchildren):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _take_interrupts() -> None:
    """Started by a shell's `&`, we ignore SIGINT, and so would the service: it could not be asked to end in order."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
