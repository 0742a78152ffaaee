"""The server profile for real: its own files and units' commands, over a real PostgreSQL, without systemd."""

import configparser
import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_rest import AirflowRest
from postgres import Postgres

from medhash.core.process import end_family
from medhash.platform.airflow.home import prepare_airflow
from medhash.platform.services.health import answers, beats
from medhash.platform.services.make_server import make_server
from medhash.platform.services.ports import HOST, free_ports
from medhash.platform.services.process_tags import tag, tagged
from medhash.platform.services.server_environment import read_environment
from medhash.platform.services.service import Health

AIRFLOW = ("airflow-api-server", "airflow-dag-processor", "airflow-triggerer", "airflow-scheduler")
QUICK = """AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD=10
AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC=2
AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC=2
AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL=5
OMP_NUM_THREADS=1
"""
"""A killed scheduler's tasks are given up after seconds, not half a minute."""


class Unit:
    """A service as systemd runs it: stopping it ends all it started."""

    def __init__(self, name: str, argv: list[str], environment: dict[str, str], root: Path, health: Health) -> None:
        self.name, self._root, self._health = name, root, health
        self.log = root / "var" / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._started_at = time.time()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                env=environment | tag(root, name),
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_healthy(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._health(self._started_at):
            assert self.process.poll() is None, f"{self.name} ended while it started: {self.log}"
            assert time.monotonic() < deadline, f"{self.name} was not healthy within {seconds} s: {self.log}"
            time.sleep(0.5)

    def ask_to_stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        end_family(tagged(self._root, self.name))
        self.process.wait()


class Server:
    """A checkout's services as systemd would run them: their environment is the file's, and nothing else."""

    def __init__(self, root: Path, postgres: Postgres) -> None:
        self.root, self.postgres, self._etc = root, postgres, root.parent / "etc"
        make_server(root, self._etc, ["admin:ADMIN", "viewer:VIEWER"])
        self.airflow_port, self.mlflow_port = free_ports(2)
        for name in ("airflow.env", "mlflow.env"):
            text = (self._etc / name).read_text()
            for printed, here in (("5432", postgres.port), ("8080", self.airflow_port), ("5000", self.mlflow_port)):
                text = text.replace(f"{HOST}:{printed}", f"{HOST}:{here}").replace(f"_PORT={printed}", f"_PORT={here}")
            text = text.replace("TASKS_CHECK_INTERVAL=30", "TASKS_CHECK_INTERVAL=5")
            (self._etc / name).write_text(text + (QUICK if name == "airflow.env" else ""))
        postgres.run((self._etc / "databases.sql").read_text())
        self.services: dict[str, Unit] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What Airflow's services and their tasks run with."""
        return _with_home(read_environment(self._etc / "airflow.env"))

    def password(self, user: str) -> str:
        return json.loads(Path(self.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]).read_text())[user]

    def login(self, user: str = "admin") -> AirflowRest:
        return AirflowRest(f"http://{HOST}:{self.airflow_port}", user, self.password(user))

    def start(self) -> None:
        """Prepare Airflow's database and start every unit; back once all are healthy."""
        prepare_airflow(self.environment, self.root / "var" / "logs" / "airflow-database.log", gpu_slots=2)
        for name in ("mlflow", *AIRFLOW):
            self.start_unit(name)
        for service in self.services.values():
            service.wait_until_healthy(240)

    def start_unit(self, name: str) -> "Unit":
        """What `systemctl start` does: the check, then the command."""
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.read(self.root / "deploy" / "server" / "systemd" / f"medhash-{name}.service")
        file = self._etc / Path(unit["Service"]["EnvironmentFile"]).name
        environment = _with_home(read_environment(file))
        _, *check = shlex.split(unit["Service"]["ExecStartPre"])
        subprocess.run([sys.executable, *check[:-1], str(file)], cwd=self.root, env=environment, check=True)
        _, *command = shlex.split(unit["Service"]["ExecStart"])
        self.services[name] = Unit(name, [sys.executable, *command], environment, self.root, self._health(name))
        return self.services[name]

    def kill(self, name: str) -> None:
        """SIGKILL to the unit's main process; what else is left of it then goes too, as systemd's KillMode says."""
        process = self.services[name].process
        assert process.poll() is None, f"{name} does not run"
        process.kill()
        process.wait()
        for process in tagged(self.root, name):
            process.kill()

    def _health(self, name: str) -> Health:
        if name == "mlflow":
            return answers(f"http://{HOST}:{self.mlflow_port}/health")
        address = f"http://{HOST}:{self.airflow_port}"
        if name == "airflow-api-server":
            return answers(f"{address}/api/v2/monitor/health")
        return beats(address, name.removeprefix("airflow-").replace("-", "_"))


@contextmanager
def running_server(root: Path, postgres: Postgres) -> Iterator[Server]:
    """Inside it all units of the server profile run in the checkout; after it none of their processes is left."""
    server = Server(root, postgres)
    try:
        server.start()
        yield server
    finally:
        for service in server.services.values():
            service.ask_to_stop()
        for service in server.services.values():
            service.stop()
        end_family(tagged(root))


def _with_home(values: dict[str, str]) -> dict[str, str]:
    """systemd gives a service its account's home, and takes the rest of the environment away."""
    return {"HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", "USER": os.environ.get("USER", "")} | values
