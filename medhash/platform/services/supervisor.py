"""The watcher: starts the services of a checkout, restarts what dies, writes down how they are, stops them in order."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from medhash.core.errors import MedhashError
from medhash.core.process import end_family, interrupt_on_signals
from medhash.core.workspace import Workspace
from medhash.platform.services.local import local_services, prepare_stores
from medhash.platform.services.logs import rotate
from medhash.platform.services.ports import marked
from medhash.platform.services.service import Service
from medhash.platform.services.state import ServiceState, State, here, state_file

MAX_RESTARTS = 6
"""In a row; a service that was well for a minute has a clean record."""
_LONGEST_DELAY = 60.0
_WELL_SECONDS = 60.0
_LOOK_SECONDS = 10.0
_UNHEALTHY_SECONDS = 180.0
"""Longer than a busy machine takes to start it, and than Airflow takes to call a part without heartbeats unhealthy."""


class Watched:
    """A service with its record."""

    def __init__(self, service: Service, port: int | None, say: Callable[[str], None]) -> None:
        self.service, self.port, self._say = service, port, say
        self.healthy: bool | None = None
        self.restarts = 0
        self.gave_up = False
        self._in_a_row = 0
        self._well_since: float | None = None
        self._ill_since: float | None = None
        self._start_at: float | None = None
        self._look_at = 0.0

    def step(self) -> None:
        """Look once, and do what is due. The clock is monotonic."""
        now = time.monotonic()
        if self.gave_up:
            return
        if self._start_at is not None:
            if now >= self._start_at:
                self._start_at = None
                self._ill_since = now
                self.restarts += 1
                self.healthy = None
                self.service.start()
        elif self.service.ended:
            self._record_end(f"ended by itself with exit code {self.service.exit_code}", now)
        elif now >= self._look_at:
            self._look(now)
            self._look_at = now + (_LOOK_SECONDS if self.healthy else _LOOK_SECONDS / 5)

    def look(self) -> None:
        """Ask for its health now."""
        self._look(time.monotonic())

    def _look(self, now: float) -> None:
        self.healthy = self.service.healthy
        if self.healthy:
            self._ill_since = None
            self._well_since = self._well_since or now
            if now - self._well_since >= _WELL_SECONDS:
                self._in_a_row = 0
        elif self.healthy is False:
            self._well_since = None
            self._ill_since = self._ill_since or now
            if now - self._ill_since >= _UNHEALTHY_SECONDS:
                self._record_end(f"has not been healthy for {_UNHEALTHY_SECONDS:.0f} s", now)

    def _record_end(self, what: str, now: float) -> None:
        self.service.stop()  # also what it left behind, which may hold its port or run a task
        self.healthy, self._well_since, self._ill_since = False, None, None
        self._in_a_row += 1
        if self._in_a_row > MAX_RESTARTS:
            self.gave_up = True
            self._say(
                f"{self.service.name} {what}, for the {self._in_a_row}th time in a row: it is not started "
                f"again. {self.service.log} tells why; then medhash down and medhash up"
            )
            return
        delay = min(2.0 ** (self._in_a_row - 1), _LONGEST_DELAY)
        self._start_at = now + delay
        self._say(
            f"{self.service.name} {what}: it is started again in {delay:.0f} s "
            f"({self._in_a_row} of {MAX_RESTARTS} in a row; {self.service.log} tells why)"
        )

    def state(self) -> ServiceState:
        return ServiceState(
            name=self.service.name,
            pid=self.service.pid,
            port=self.port,
            healthy=self.healthy,
            started_at=self.service.started_at,
            restarts=self.restarts,
            gave_up=self.gave_up,
            log=str(self.service.log),
        )


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
