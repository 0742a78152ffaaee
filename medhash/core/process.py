"""Child processes: run one and pass its lines on, end one with all it started, check whether one runs."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_TAIL_LINES = 1000
_GRACE_SECONDS = 5.0
OnLine = Callable[[str], None]


@dataclass(frozen=True)
class Finished:
    """The end of a child process: its exit code and its last lines."""

    code: int
    tail: tuple[str, ...]

    def message(self) -> str | None:
        """The last `error: …` with its `  fix: …` among the lines, as medhash commands print them."""
        starts = [number for number, line in enumerate(self.tail) if line.startswith("error: ")]
        if not starts:
            return None
        lines = [self.tail[starts[-1]].removeprefix("error: ")]
        for line in self.tail[starts[-1] + 1 :]:
            lines.append(line)
            if line.startswith("  fix: "):
                break
        return "\n".join(lines)


class Child:
    """Runs one command at a time under a guard (medhash.core.guard).

    Stopping the command stops all it started; so does the end of this process. variables: added to the environment.
    needed: further processes without which the command must end.
    """

    def __init__(
        self, root: Path, on_line: OnLine, variables: Mapping[str, str] | None = None, needed: Sequence[int] = ()
    ) -> None:
        self.on_line = on_line
        self._root = root
        self._variables = variables or {}
        self._guard = [sys.executable, "-m", "medhash.core.guard", *map(str, needed), "--"]
        self._process: subprocess.Popen[str] | None = None

    def run(self, argv: list[str]) -> Finished:
        """Run `argv` in the root of the checkout; `python` means this interpreter."""
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        with subprocess.Popen(
            [*self._guard, *argv],
            cwd=self._root,
            text=True,
            errors="replace",
            env={**_environment(self._root), **self._variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            self._process = process
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    line = line.rstrip()
                    tail.append(line)
                    self.on_line(line)
            except BaseException:
                # Ctrl-C, or Airflow ends the task: the command is in a session of its own and gets no signal.
                self.stop()
                raise
        return Finished(process.returncode, tuple(tail))

    def stop(self) -> None:
        """End the running command and all it started; kill what does not end on request."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


def _environment(root: Path) -> Mapping[str, str]:
    """This process's environment, in which `python` is this interpreter and imports come from this checkout."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "PYTHONUNBUFFERED": "1",
    }


def is_alive(process: psutil.Process | int) -> bool:
    """Whether a process, or the process with this number, still runs; one that only waits to be reaped does not."""
    try:
        if isinstance(process, int):
            process = psutil.Process(process)
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family_of(pid: int) -> list[psutil.Process]:
    """A process and all its descendants, those in other sessions included."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end_family(family: list[psutil.Process]) -> None:
    """Terminate the processes, and kill those that do not end."""
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(family, _GRACE_SECONDS)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt; SIGINT too, which a shell's `&` ignores at start."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
