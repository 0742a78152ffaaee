"""One service: its program, its health, and its start, which ends what an earlier one left behind."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from medhash.core.process import end_family
from medhash.core.workspace import Workspace
from medhash.platform.services.process_tags import tag, tagged

Health = Callable[[float], bool | None]
"""When the service was started (seconds since 1970) → is it healthy since then; None: that cannot be known now."""


@dataclass(frozen=True)
class Service:
    """A program that runs until it is stopped."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    health: Health
    port: int | None = None
    has_tasks: bool = False
    """It runs the tasks of a DAG. Stopping it must not mark them as failed."""


def run(service: Service, root: Path) -> NoReturn:
    """Become the service's program, in the root of the checkout.

    Ends first what a killed predecessor left running: it may hold the port, or run a task.
    """
    end_family([process for process in tagged(root, service.name) if process.pid != os.getpid()])
    with starts_file(root, service.name).open("a") as starts:
        starts.write("+")
    os.chdir(root)
    os.execve(service.argv[0], service.argv, service.environment | tag(root, service.name))


def n_restarts(root: Path, name: str) -> int:
    """How often a service was started again since `medhash up`."""
    starts = starts_file(root, name)
    return max(0, starts.stat().st_size - 1) if starts.exists() else 0


def starts_file(root: Path, name: str) -> Path:
    """A file with one character for each start of a service."""
    return Workspace(root).state / "run" / f"{name}.starts"
