"""Ports of this machine: is one free, who has it, and which ones are free."""

import contextlib
import socket
from contextlib import ExitStack

import psutil

from medhash.core.errors import MedhashError
from medhash.platform.services.process_tags import tag_of

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
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                its = tag_of(process)
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
