"""The watcher: starts the services of a checkout, restarts what dies, writes down how they are, stops them in order."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from components.errors import MedhashError
from components.orchestration.process import end_family, interrupt_on_signals
from components.services.local import local_services, prepare_stores
from components.services.logs import rotate
from components.services.marks import marked
from components.services.state import ServiceState, State, here, state_file
from components.services.watched import Watched
from components.workspace import Workspace

_START_SECONDS = 240.0
Say = Callable[[str], None]


def clear_leftovers(root: Path) -> int:
    """End what a watcher that was killed, or a machine that went down, left running; how many processes that was.

    Only the holder of the lock may call this.
    """
    left = marked(root)
    end_family(left)
    state_file(Workspace(root)).unlink(missing_ok=True)
    return len(left)


class Supervisor:
    """Works until it is interrupted. Its caller holds the lock and has looked that the ports are free."""

    def __init__(self, root: Path, airflow_port: int, mlflow_port: int, say: Say) -> None:
        self._root, self._airflow_port, self._mlflow_port, self._say = root.resolve(), airflow_port, mlflow_port, say
        self._workspace = Workspace(self._root)
        self._watched: list[Watched] = []
        self._started_at = time.time()
        self._written: State | None = None

    def run(self, ready: Callable[[], None]) -> None:
        """Start all, call `ready` once all are healthy, and watch until SIGINT, SIGTERM or SIGHUP.

        Raises MedhashError if one of them does not come up. Whatever happens, nothing is left running.
        """
        interrupt_on_signals()
        try:
            self._start()
            ready()
            while True:
                time.sleep(1)
                self._watch()
        except MedhashError as error:
            self._stop("failed", error)
            raise
        except KeyboardInterrupt:
            self._stop("stopping")
            state_file(self._workspace).unlink(missing_ok=True)
        except BaseException:
            self._stop("stopping")
            raise

    def _start(self) -> None:
        self._remember("starting")
        prepare_stores(self._root, self._airflow_port)
        ports = {"airflow-api-server": self._airflow_port, "mlflow": self._mlflow_port}
        self._watched = [
            Watched(service, ports.get(service.name), self._say)
            for service in local_services(self._root, self._airflow_port, self._mlflow_port)
        ]
        for one in self._watched:
            rotate(one.service.log)
            one.service.start()
        deadline = time.monotonic() + _START_SECONDS
        for one in reversed(self._watched):  # MLflow and the API server first: the others' health needs it
            one.service.wait_until_healthy(max(1.0, deadline - time.monotonic()))
            one.look()
            self._say(f"{one.service.name} is healthy")
            self._remember("starting")
        self._remember("running")

    def _watch(self) -> None:
        for one in self._watched:
            one.step()
            rotate(one.service.log)
        self._remember("running")

    def _stop(self, phase: str, error: MedhashError | None = None) -> None:
        """Stop all, in order; who asks again meanwhile does not hurry it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._remember("stopping")
        for one in self._watched[:1]:
            one.service.stop()  # the scheduler, alone: a task ends while all it needs is there
        for one in self._watched:
            one.service.ask_to_stop()
        for one in self._watched:
            one.service.stop()
            one.look()
        end_family(marked(self._root))
        self._remember(phase, error)

    def _remember(self, phase: str, error: MedhashError | None = None) -> None:
        services: list[ServiceState] = [one.state() for one in self._watched]
        who, host = here()
        state = State.model_validate(
            {
                "pid": os.getpid(),
                "who": who,
                "host": host,
                "started_at": self._started_at,
                "phase": phase,
                "airflow_port": self._airflow_port,
                "mlflow_port": self._mlflow_port,
                "services": services,
                "problem": error.problem if error else "",
                "fix": error.fix if error else "",
            }
        )
        if state == self._written:
            return
        try:
            state.write(state_file(self._workspace))
            self._written = state
        except OSError as failure:
            # A full disk must not end what still works; the file is written once there is room.
            self._say(f"{state_file(self._workspace)} could not be written: {failure.strerror}")
