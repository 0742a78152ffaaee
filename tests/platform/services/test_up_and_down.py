"""The services of a scratch checkout, for real: up, watched, refused twice, killed, up again, down.

The tests share the checkout and run in the order of this file, in one process. Each also runs alone: `running` starts
what is not there yet.
"""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from airflow_rest import AirflowRest
from checkout import run_in, scratch_checkout

from medhash.core.workspace import Workspace
from medhash.platform.services.ports import HOST, free_ports
from medhash.platform.services.process_tags import tagged
from medhash.platform.services.state import last_state

pytestmark = pytest.mark.slow


@dataclass
class Checkout:
    root: Path
    ports: list[str]

    def medhash(self, command: str, *options: str, root: Path | None = None) -> subprocess.CompletedProcess[str]:
        return run_in(root or self.root, "-m", "medhash.cli", command, *options)

    def up(self, root: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self.medhash("up", "--airflow-port", self.ports[0], "--mlflow-port", self.ports[1], root=root)

    def rest(self) -> AirflowRest:
        return AirflowRest(f"http://{HOST}:{self.ports[0]}")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Iterator[Checkout]:
    made = Checkout(scratch_checkout(tmp_path_factory.mktemp("services")), [str(port) for port in free_ports(2)])
    try:
        yield made
    finally:
        made.medhash("down")


@pytest.fixture
def running(checkout: Checkout) -> Checkout:
    """The checkout with its services up; a test before may have started them."""
    if checkout.medhash("status").returncode != 0:
        done = checkout.up()
        assert done.returncode == 0, done.stdout + done.stderr
    return checkout


def rows(status: str) -> dict[str, tuple[str, int, int]]:
    """Service → state, process and restarts."""
    found = re.findall(r"^(airflow-\S+|mlflow) +(\w+) +(\d+|-) .* (\d+) +var/logs/\1\.log$", status, flags=re.MULTILINE)
    return {name: (state, int(pid) if pid != "-" else 0, int(restarts)) for name, state, pid, restarts in found}


def test_up_returns_once_all_is_healthy_and_status_agrees(checkout):
    done = checkout.up()
    assert done.returncode == 0, done.stdout + done.stderr
    status = checkout.medhash("status")
    assert status.returncode == 0, status.stdout
    assert {state for state, _, _ in rows(status.stdout).values()} == {"healthy"}
    assert len(rows(status.stdout)) == 5
    for said in ("hashing_retrain is paused", "last run     none yet", "champion     none yet"):
        assert said in status.stdout


def test_nothing_listens_beyond_this_machine(running):
    ours = {process.pid for process in tagged(running.root)}
    listening = [
        connection.laddr
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.pid in ours
    ]
    assert {str(address.port) for address in listening} == set(running.ports)
    assert {address.ip for address in listening} == {HOST}


def test_a_second_up_is_told_who_runs_already_and_where(running, tmp_path):
    again = running.up()
    assert again.returncode == 1
    assert re.search(r"run already, started by \S+ on \S+ at .* process \d+.*port " + running.ports[0], again.stderr)
    ui = running.medhash("ui")
    assert ui.returncode == 1
    assert "run already" in ui.stderr
    (tmp_path / "params.yaml").write_text("methods: [lsh]\n")
    other = running.medhash("up", "--root", str(tmp_path), "--airflow-port", running.ports[0])
    assert other.returncode == 1
    assert f"airflow-api-server of the checkout {running.root}" in other.stderr
    assert not tagged(tmp_path)
    assert running.medhash("status").returncode == 0


@pytest.mark.thorough
def test_a_killed_scheduler_and_a_killed_mlflow_are_started_again(running):
    before = rows(running.medhash("status").stdout)
    for name in ("airflow-scheduler", "mlflow"):
        psutil.Process(before[name][1]).send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 120
    while True:
        status = running.medhash("status")
        after = rows(status.stdout)
        if status.returncode == 0 and after["airflow-scheduler"][1] != before["airflow-scheduler"][1]:
            break
        assert time.monotonic() < deadline, status.stdout
        time.sleep(1)
    for name, (_, pid, restarts) in after.items():
        killed = name in ("airflow-scheduler", "mlflow")
        assert (pid != before[name][1], restarts) == (killed, int(killed)), name
    log = (running.root / "var" / "logs" / "services.log").read_text()
    assert "exited: airflow-scheduler (terminated by SIGKILL; not expected)" in log


@pytest.mark.thorough
def test_after_a_power_cut_up_clears_what_is_left_and_everything_is_as_it_was(running):
    rest, secret = running.rest(), running.root / "var" / "airflow" / "jwt_secret"
    rest.wait_for_dag()
    rest.unpause()
    key = secret.read_text()
    state = last_state(Workspace(running.root))
    assert state is not None
    services = rows(running.medhash("status").stdout)
    for pid in (state.pid, *(pid for name, (_, pid, _) in services.items() if name != "mlflow")):
        psutil.Process(pid).send_signal(signal.SIGKILL)
    status = running.medhash("status")
    assert status.returncode == 1
    assert "was killed or its machine went down" in status.stdout
    left = {process.pid for process in tagged(running.root)}
    assert left, "MLflow, and what the scheduler had started"
    done = running.up()
    assert done.returncode == 0, done.stderr
    assert "processes that an earlier start left behind" in done.stdout
    assert not left & {process.pid for process in psutil.process_iter()}
    assert secret.read_text() == key
    assert "hashing_retrain is on" in running.medhash("status").stdout


def test_down_stops_all_of_it_and_can_be_said_twice(running):
    assert running.medhash("down").stdout.endswith("stopped\n")
    assert tagged(running.root) == []
    again = running.medhash("down")
    assert (again.returncode, again.stdout) == (0, "no services run in this checkout\n")
    status = running.medhash("status")
    assert (status.returncode, status.stdout) == (1, "not running: medhash up starts the services\n")


@pytest.mark.thorough
def test_a_start_that_fails_says_why_and_leaves_nothing_running(running):
    running.medhash("down")
    database = running.root / "var" / "airflow" / "airflow.db"
    database.rename(database.with_suffix(".away"))
    database.write_text("this is no database")
    done = running.up()
    assert done.returncode == 1
    assert re.search(r"Airflow's database could not be prepared\n  fix: .*see .*airflow-database\.log", done.stderr)
    assert tagged(running.root) == []
    assert "the last start failed: Airflow's database" in running.medhash("status").stdout
