"""A long-running service of its own session: started, waited for until healthy, and stopped with all it started."""

import contextlib
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from components.errors import MedhashError
from components.orchestration.process import end_family, family_of

_STOP_SECONDS = 30.0


class Service:
    """A context manager: inside it runs, after it no process it started is left."""

    def __init__(self, name: str, argv: list[str], environment: dict[str, str], root: Path, log: Path,
                 health: str) -> None:
        """health: the address that answers 200 when the service is ready."""
        self.name = name
        self._argv, self._environment, self._root, self._log, self._health = argv, environment, root, log, health

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as handle:
            # A session of its own: Ctrl-C reaches only us, and we stop the services in an orderly way.
            self._process = subprocess.Popen(self._argv, env=self._environment, cwd=self._root, stdout=handle,
                                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                             start_new_session=True, preexec_fn=_take_interrupts)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """SIGINT, which these services take as the request to end in order; what is left after that is ended too.

        What is left can be a task that was running: it is in a session of its own and outlives its scheduler.
        """
        family = family_of(self._process.pid)
        if not self.ended:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        end_family(family)
        self._process.wait()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def wait_until_healthy(self, seconds: float) -> None:
        """Raises MedhashError, naming the log, if it ends or does not answer in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.ended:
                raise MedhashError(f"{self.name} ended while it started", f"{self._log} tells why")
            if _answers(self._health):
                return
            time.sleep(0.5)
        raise MedhashError(f"{self.name} did not answer at {self._health} within {seconds:.0f} s",
                           f"{self._log} tells why")


def _take_interrupts() -> None:
    """Started by a shell's `&`, we ignore SIGINT, and so would the service: it could not be asked to end in order."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
