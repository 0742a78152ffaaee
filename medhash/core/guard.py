"""A guard around one command: when whoever asked for it is gone, the command and all it started are ended.

    python -m medhash.core.guard [PID …] -- COMMAND …

The asker holds the other end of this process's standard input and writes nothing to it: the kernel closes it whatever
kills the asker, SIGKILL included. PIDs name further processes that must live, such as the supervisor of Airflow's
task. On Linux the guard also inherits what the command leaves behind (prctl(2), PR_SET_CHILD_SUBREAPER), so that a
training does not outlive a killed DVC.
The guard ends as the command did: with its exit code, or by its signal.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import threading

import psutil

from medhash.core.process import end_family, is_alive

_LOOK_MS = 1000
_REQUESTS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_CHILD_SUBREAPER = 36
_STDIN = 0
_ROUNDS = 5
"""A process that is being ended may start another one; so often we look again."""


class _Ended(BaseException):
    """We were asked to end, or the asker is gone."""


def main(argv: list[str]) -> int:
    """Run the command; returns its exit code, negative for a signal."""
    at = argv.index("--")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    code = -signal.SIGTERM
    try:
        for number in _REQUESTS:
            signal.signal(number, _end)
        asked_for_by = [_find(int(pid)) for pid in argv[:at]]
        threading.Thread(target=_watch, args=[asked_for_by], daemon=True).start()
        process = subprocess.Popen(argv[at + 1 :], stdin=subprocess.DEVNULL)
        code = process.wait()
        _ignore_requests()
    except _Ended:
        pass
    _end_what_is_left()
    return code


def _watch(asked_for_by: list[psutil.Process | None]) -> None:
    poll = select.poll()
    poll.register(_STDIN, select.POLLIN | select.POLLHUP)
    while not poll.poll(_LOOK_MS):
        if not all(process is not None and is_alive(process) for process in asked_for_by):
            break
    os.kill(os.getpid(), signal.SIGTERM)


def _find(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _end(*_: object) -> None:
    _ignore_requests()
    raise _Ended


def _ignore_requests() -> None:
    for number in _REQUESTS:
        signal.signal(number, signal.SIG_IGN)


def _end_what_is_left() -> None:
    for _ in range(_ROUNDS):
        family = psutil.Process().children(recursive=True)
        if not family:
            return
        end_family(family)


def _end_like(code: int) -> None:
    """End as the command did, so that who waits for us learns of its signal."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    _end_like(main(sys.argv[1:]))
