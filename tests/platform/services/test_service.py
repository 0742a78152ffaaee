"""A service is waited for, and nothing it started is left, whichever way it ends."""

import signal
import sys
import time
from pathlib import Path

import pytest

from medhash.core.errors import MedhashError
from medhash.platform.services.health import answers
from medhash.platform.services.ports import HOST, free_ports, marked, require_free
from medhash.platform.services.service import Service

SERVER = """
import http.server, subprocess, sys
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')
"""
SCHEDULER = """
import signal, subprocess, sys, time
command = [sys.executable, '-c', 'import time; time.sleep(600)']
task = f"import subprocess, time; subprocess.Popen({command!r}, start_new_session=True); time.sleep(600)"
runner = f"import subprocess, signal, pathlib, sys\\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\\n" \\
         f"code = subprocess.call([sys.executable, '-c', {task!r}])\\npathlib.Path('reported').write_text(str(code))"
child = subprocess.Popen([sys.executable, '-c', runner])
open('up', 'w').close()
try:
    child.wait()
except KeyboardInterrupt:
    child.wait()
"""


@pytest.fixture
def service(tmp_path):
    made: list[Service] = []

    def make(program: str, port: int, **kwargs) -> Service:
        one = Service(
            "pages",
            [sys.executable, "-c", program, str(port)],
            {},
            tmp_path,
            tmp_path / "log",
            answers(f"http://{HOST}:{port}/"),
            **kwargs,
        )
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        one.stop()


def wait_for(what, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_after_it_was_healthy_it_stops_with_all_it_started(service, tmp_path):
    [port] = free_ports(1)
    running = service(SERVER, port)
    running.wait_until_healthy(30)
    with pytest.raises(MedhashError, match=rf"port {port}[\s\S]*pages of the checkout {tmp_path}[\s\S]*--mlflow-port"):
        require_free(port, "--mlflow-port")
    family = marked(tmp_path)
    assert len(family) == 2
    running.stop()
    assert not [process for process in family if process.is_running()]
    require_free(port, "--mlflow-port")


def test_what_a_killed_service_left_behind_is_found_by_its_mark_and_ended(service, tmp_path):
    [port] = free_ports(1)
    running = service(SERVER, port)
    running.wait_until_healthy(30)
    [orphan] = [process for process in marked(tmp_path, "pages") if process.pid != running.pid]
    running._process.send_signal(signal.SIGKILL)
    wait_for(lambda: running.ended)
    assert orphan.is_running()
    running.stop()
    assert not orphan.is_running()


def test_of_a_stopped_scheduler_no_task_lives_on_and_none_has_reported_a_failure(service, tmp_path):
    scheduler = service(SCHEDULER, 1, has_tasks=True)
    wait_for(lambda: (tmp_path / "up").exists() and len(marked(tmp_path)) == 4)
    family = marked(tmp_path)
    scheduler.stop()
    assert not [process for process in family if process.is_running()]
    assert not (tmp_path / "reported").exists()


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("raise SystemExit('no')", "pages ended while it started"),
        ("import time; time.sleep(600)", "pages was not healthy"),
    ],
)
def test_a_service_that_does_not_come_up_is_an_error_that_names_its_log(service, tmp_path: Path, program, says):
    with pytest.raises(MedhashError, match=rf"{says}[\s\S]*log tells why"):
        service(program, free_ports(1)[0]).wait_until_healthy(1.5)


def test_a_port_that_does_not_exist_is_an_error_and_no_traceback():
    with pytest.raises(MedhashError, match="there is no such port"):
        require_free(70000, "--airflow-port")
