"""Ports of this machine: is one free, who has it, and which ones are free."""

import contextlib
import socket
from contextlib import ExitStack
from pathlib import Path

import psutil

from medhash.core.errors import MedhashError

MARK = "MEDHASH_SERVICE"


def mark(root: Path, service: str) -> dict[str, str]:
    """What to add to a service's environment. SPT_NOENV keeps Airflow, which renames its processes, from writing the
    name over the environment."""
    return {MARK: f"{service} {root.resolve()}", "SPT_NOENV": "1"}


def mark_of(process: psutil.Process) -> tuple[str, Path] | None:
    """Service and checkout that a process belongs to; None if it belongs to none, or is not ours to look at."""
    try:
        service, _, root = process.environ().get(MARK, "").partition(" ")
    except (psutil.Error, OSError):
        return None
    return (service, Path(root)) if root else None


def marked(root: Path, service: str | None = None) -> list[psutil.Process]:
    """The processes of one service, or of all services, of a checkout."""
    wanted = root.resolve()
    found = ((process, mark_of(process)) for process in psutil.process_iter())
    return [process for process, its in found if its is not None and its[1] == wanted and service in (None, its[0])]


HOST = "127.0.0.1"


def require_free(port: int, option: str) -> None:
    """Raises MedhashError, naming who listens on the port and the option that chooses another one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "there is no such port"
            raise MedhashError(
                f"port {port} of {HOST} cannot be used ({why}){_holder(port)}",
                f"stop what listens there, or give {option} another port",
            ) from error


def _holder(port: int) -> str:
    """Who listens there, as far as this account may know."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                its = mark_of(process)
                owner = f"{its[0]} of the checkout {its[1]}" if its else process.name()
                return f": it is taken by {owner}, process {process.pid}"
    return ""


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
