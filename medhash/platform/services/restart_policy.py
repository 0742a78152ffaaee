"""Restarts of services that run but are not healthy. supervisord cannot see that; it runs this as one more program."""

import os
import time
from pathlib import Path
from typing import Literal
from xmlrpc.client import Fault

from medhash.core.workspace import Workspace
from medhash.platform.services import supervisord
from medhash.platform.services.service import Service

LOOK_SECONDS = 10.0
UNHEALTHY_SECONDS = 180.0
"""Longer than a busy machine takes to start it, and than Airflow takes to call a part without heartbeats unhealthy."""
WELL_SECONDS = 60.0


class RestartPolicy:
    """What is due for one service, from what was seen of its health so far."""

    def __init__(self) -> None:
        self.n_in_a_row = 0
        self._well_since: float | None = None
        self._ill_since: float | None = None

    def due(self, healthy: bool | None, now: float) -> Literal["nothing", "restart", "give up"]:
        """healthy: None if that cannot be known now. now: seconds of a monotonic clock."""
        if healthy is None:
            return "nothing"
        if healthy:
            self._ill_since = None
            self._well_since = now if self._well_since is None else self._well_since
            if now - self._well_since >= WELL_SECONDS:
                self.n_in_a_row = 0
            return "nothing"
        self._well_since = None
        self._ill_since = now if self._ill_since is None else self._ill_since
        if now - self._ill_since < UNHEALTHY_SECONDS:
            return "nothing"
        self._ill_since = None
        self.n_in_a_row += 1
        return "restart" if self.n_in_a_row <= supervisord.MAX_RESTARTS else "give up"


def watch(root: Path, services: list[Service]) -> None:
    """Look at the health of all services every ten seconds, until supervisord ends."""
    policies, parent = {service.name: RestartPolicy() for service in services}, os.getppid()
    while os.getppid() == parent:
        try:
            for service in services:
                _look(root, service, policies[service.name])
        except Fault as fault:  # it was stopped, or ended by itself, between two commands
            _say(f"{fault.faultString}; looking again")
        except OSError:
            return
        time.sleep(LOOK_SECONDS)


def _look(root: Path, service: Service, policy: RestartPolicy) -> None:
    supervisor = supervisord.connect(root)
    info = supervisor.getProcessInfo(service.name)
    if info["statename"] not in supervisord.RUNNING:
        return  # supervisord starts it again, or somebody stopped it
    due = policy.due(service.health(info["start"]), time.monotonic())
    if due == "nothing":
        return
    log = Workspace(root).state / "logs" / f"{service.name}.log"
    what = "it is started again" if due == "restart" else "it is not started again: medhash down, then medhash up"
    _say(
        f"{service.name} was not healthy for {UNHEALTHY_SECONDS:.0f} s, {policy.n_in_a_row} times in a row: "
        f"{what}; see {log}"
    )
    supervisord.stop(root, service)
    if due == "restart":
        supervisor.startProcess(service.name, False)


def _say(text: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, flush=True)
