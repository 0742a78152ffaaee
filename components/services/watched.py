"""One service under watch: restarted when it ends or stops answering, later each time, and not for ever."""

import time
from collections.abc import Callable

from components.services.service import Service
from components.services.state import ServiceState

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
