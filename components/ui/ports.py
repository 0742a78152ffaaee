"""Ports of this machine: is one free, and which ones are."""

import socket
from contextlib import ExitStack

from components.errors import MedhashError

HOST = "127.0.0.1"


def require_free(port: int, option: str) -> None:
    """Raises MedhashError, naming the option that chooses another, if something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise MedhashError(f"port {port} of {HOST} is taken ({error.strerror})",
                               f"stop what listens there, or give {option} another port") from error


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
