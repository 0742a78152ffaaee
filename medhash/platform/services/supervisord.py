"""supervisord (https://supervisord.org) for the services of a checkout: its settings, its start, its commands.

It starts the services, restarts what ends with growing pauses, gives up after six restarts in a row, and keeps their
logs under a size. Commands go through a Unix socket of the same account; nothing listens on a port. What it cannot
do is here: it ends a service, but neither what that started in other sessions nor an Airflow task without a failure.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xmlrpc.client import Fault, ServerProxy

import psutil

from medhash.core.errors import MedhashError
from medhash.core.process import end_family, is_alive
from medhash.core.workspace import Workspace
from medhash.platform.services.process_tags import TAG, tagged

if TYPE_CHECKING:
    from medhash.platform.services.service import Service

MAX_RESTARTS = 6
"""In a row; a service that ran for a minute has a clean record."""
LOG_BYTES = 10_000_000
"""NAME.log; five older parts of that size are kept as NAME.log.1 (the youngest) and so on."""
STOP_SECONDS = 30
_SHUTDOWN_SECONDS = 240.0
_SOCKET_BYTES = 100
"""A path of a Unix socket has 107 bytes at most."""
RUNNING = ("STARTING", "RUNNING")
_SETTINGS = """\
[supervisord]
nodaemon = true
silent = true
logfile = var/logs/services.log
logfile_maxbytes = {log_bytes}
logfile_backups = 5
pidfile = var/run/supervisord.pid
minfds = 256
minprocs = 50

[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
_PROGRAM = """
[program:{name}]
command = {command}
startsecs = 60
startretries = {retries}
autorestart = true
stopsignal = INT
stopwaitsecs = {stop_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = var/logs/{name}.log
stdout_logfile_maxbytes = {log_bytes}
stdout_logfile_backups = 5
"""


def start(root: Path, commands: Mapping[str, list[str]], lock: IO[str]) -> "subprocess.Popen[bytes]":
    """Start supervisord with the commands, by service name, in a session of its own.

    lock: the locked file of the checkout. As supervisord's standard input it stays locked as long as that runs.
    """
    run = Workspace(root).state / "run"
    (run.parent / "logs").mkdir(parents=True, exist_ok=True)
    run.chmod(0o700)
    path = run / "services.sock"
    if len(os.fsencode(path)) > _SOCKET_BYTES:
        path = Path(tempfile.mkdtemp(prefix="medhash-")) / "services.sock"
    text = _SETTINGS.format(socket=_escaped(str(path)), log_bytes=LOG_BYTES)
    for name, command in commands.items():
        text += _PROGRAM.format(
            name=name,
            command=_escaped(shlex.join(command)),
            retries=MAX_RESTARTS,
            stop_seconds=STOP_SECONDS,
            log_bytes=LOG_BYTES,
        )
    settings = run / "supervisord.conf"
    settings.write_text(text)
    with (run.parent / "logs" / "services.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(settings)],
            cwd=root,
            stdin=lock,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != TAG}
            | {"PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])},
        )


def connect(root: Path) -> Any:
    """The commands of the supervisord that was started last here. They raise OSError if it does not run."""
    from configparser import RawConfigParser

    from supervisor.xmlrpc import SupervisorTransport

    settings = RawConfigParser()
    settings.read(Workspace(root).state / "run" / "supervisord.conf")
    path = settings.get("unix_http_server", "file", fallback="").replace("%%", "%")
    return ServerProxy("http://127.0.0.1", SupervisorTransport(None, None, f"unix://{path}")).supervisor


def stop(root: Path, service: "Service") -> None:
    """Stop one service and all it started."""
    supervisor = connect(root)
    ask_to_stop(supervisor, service)
    deadline = time.monotonic() + 2 * STOP_SECONDS
    while supervisor.getProcessInfo(service.name)["pid"] and time.monotonic() < deadline:
        time.sleep(0.1)
    end_family(tagged(root, service.name))


def ask_to_stop(supervisor: Any, service: "Service") -> None:
    """Send SIGINT, by which these services end in order. Returns at once."""
    pid = supervisor.getProcessInfo(service.name)["pid"]
    with contextlib.suppress(Fault):  # it has ended by itself
        supervisor.stopProcess(service.name, False)
    if service.has_tasks and pid:
        _kill_runners(pid)


def shut_down(root: Path, services: list["Service"], pid: int) -> None:
    """Stop the services and supervisord, which is process `pid`.

    The service that has tasks is stopped first, alone: a task ends while all it needs is there.
    """
    with contextlib.suppress(OSError, Fault):  # it does not answer yet, or not any more: the signal does
        for service in services:
            if service.has_tasks:
                stop(root, service)
        for service in services:
            ask_to_stop(connect(root), service)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _SHUTDOWN_SECONDS
    while is_alive(pid):
        if time.monotonic() > deadline:
            raise MedhashError(
                f"the services did not stop within {_SHUTDOWN_SECONDS:.0f} s",
                f"see var/logs/services.log; kill -9 {pid}, then run medhash down again",
            )
        time.sleep(0.1)


def clear_leftovers(root: Path) -> int:
    """End what a supervisord that was killed, or a machine that went down, left running; how many processes that was.

    Only the holder of the lock may call this.
    """
    left = tagged(root)
    end_family(left)
    return len(left)


def _kill_runners(scheduler: int) -> None:
    """Kill what runs a scheduler's tasks (its children, and theirs) at once, before one can report a failure.

    The scheduler that starts next finds tasks that nobody runs, and runs them again without counting a try.
    """
    children = _children(scheduler)
    for process in (*children, *(grandchild for child in children for grandchild in _children(child.pid))):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []


def _escaped(text: str) -> str:
    """As supervisord's settings take it."""
    return text.replace("%", "%%")
