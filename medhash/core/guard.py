"""A guard around one command: if the requesting process is gone, the command and all it started are ended.

    python -m medhash.core.guard [PID …] -- COMMAND …

The requesting process holds the other end of this process's standard input and writes nothing to it. The kernel closes
it however that process ends, SIGKILL included. PIDs name further processes that must live, such as the supervisor of
Airflow's task. On Linux the guard adopts orphans of the command (prctl(2), PR_SET_CHILD_SUBREAPER): a training does
not outlive a killed DVC. The guard ends as the command did: with its exit code, or by its signal.
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
"""Searches for descendants: a process that is being ended may start another one."""


class _Ended(BaseException):
    """The guard was told to end, or the requesting process is gone."""


def main(argv: list[str]) -> int:
    """Run the command; returns its exit code, negative for a signal."""
    at = argv.index("--")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    code = -signal.SIGTERM
    try:
        for number in _REQUESTS:
            signal.signal(number, _end)
        requesters = [_find(int(pid)) for pid in argv[:at]]
        threading.Thread(target=_watch, args=[requesters], daemon=True).start()
        process = subprocess.Popen(argv[at + 1 :], stdin=subprocess.DEVNULL)
        code = process.wait()
        _ignore_requests()
    except _Ended:
        pass
    _end_what_is_left()
    return code


def _watch(requesters: list[psutil.Process | None]) -> None:
    poll = select.poll()
    poll.register(_STDIN, select.POLLIN | select.POLLHUP)
    while not poll.poll(_LOOK_MS):
        if not all(process is not None and is_alive(process) for process in requesters):
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
    """End as the command did, so that the waiting process sees its signal."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    _end_like(main(sys.argv[1:]))
