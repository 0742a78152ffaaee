"""supervisord with our settings: what dies is started again, and nothing a service started is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.platform.services import restart_policy, supervisord
from medhash.platform.services.health import answers
from medhash.platform.services.ports import HOST, free_ports, require_free
from medhash.platform.services.process_tags import tagged
from medhash.platform.services.run import _wait_until_healthy
from medhash.platform.services.service import Health, Service, n_restarts
from medhash.platform.services.state import acquire

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
SLEEP = "import time; time.sleep(600)"
RUN = """
import os, sys
from pathlib import Path
from medhash.platform.services.service import Service, run
name, *argv = sys.argv[1:]
run(Service(name, [sys.executable, *argv], dict(os.environ), lambda _: True), Path.cwd())
"""


class Supervised:
    """One service of a folder under supervisord, or two."""

    def __init__(self, root: Path, programs: dict[str, str], port: int = 0) -> None:
        self.root = root
        lock = acquire(Workspace(root))
        assert lock is not None
        (root / "start.py").write_text(RUN)
        commands = {}
        for name, program in programs.items():
            (root / f"{name}.py").write_text(program)
            commands[name] = [sys.executable, "start.py", name, f"{name}.py", str(port)]
        with lock:
            self.process = supervisord.start(root, commands, lock)

    def info(self, name: str = "pages") -> dict:
        return supervisord.connect(self.root).getProcessInfo(name)

    def is_up(self) -> bool:
        try:
            return bool(self.info())
        except OSError:
            return False


@pytest.fixture
def supervised(tmp_path) -> Iterator[Callable[..., Supervised]]:
    made: list[Supervised] = []

    def start(*programs: str, root: Path = tmp_path, port: int = 0) -> Supervised:
        one = Supervised(root, dict(zip(("pages", "other"), programs, strict=False)), port)
        made.append(one)
        wait_for(one.is_up)
        return one

    yield start
    for one in made:
        one.process.terminate()
        one.process.wait(60)
        supervisord.clear_leftovers(one.root)


def service(health: Health = lambda _: True, *, has_tasks: bool = False) -> Service:
    return Service("pages", [], {}, health, has_tasks=has_tasks)


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_stopped_service_leaves_nothing_it_started_and_its_port_is_free(supervised, tmp_path):
    [port] = free_ports(1)
    supervised(SERVER, SLEEP, port=port)
    wait_for(lambda: answers(f"http://{HOST}:{port}/")(0.0))
    with pytest.raises(MedhashError, match=rf"port {port}[\s\S]*pages of the checkout {tmp_path}[\s\S]*--mlflow-port"):
        require_free(port, "--mlflow-port")
    family = tagged(tmp_path, "pages")
    assert len(family) == 2
    supervisord.stop(tmp_path, service())
    assert not [process for process in family if process.is_running()]
    assert len(tagged(tmp_path, "other")) == 1
    require_free(port, "--mlflow-port")


def test_a_killed_service_is_started_again_and_what_it_left_behind_is_ended(supervised, tmp_path):
    running = supervised(SERVER, port=free_ports(1)[0])
    wait_for(lambda: len(tagged(tmp_path)) == 2)
    pid = running.info()["pid"]
    [orphan] = [process for process in tagged(tmp_path) if process.pid != pid]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: n_restarts(tmp_path, "pages") == 1)
    wait_for(lambda: len(tagged(tmp_path)) == 2)
    assert not orphan.is_running()


def test_a_service_that_was_well_for_a_while_is_started_again_too(supervised, tmp_path, monkeypatch):
    well_at_once = supervisord._PROGRAM.replace("startsecs = 60", "startsecs = 0")
    monkeypatch.setattr(supervisord, "_PROGRAM", well_at_once)
    running = supervised(SLEEP)
    wait_for(lambda: tagged(tmp_path))
    assert running.info()["statename"] == "RUNNING"
    os.kill(running.info()["pid"], signal.SIGKILL)
    wait_for(lambda: n_restarts(tmp_path, "pages") == 1)


def test_of_a_stopped_scheduler_no_task_lives_on_and_none_has_reported_a_failure(supervised, tmp_path):
    running = supervised(SCHEDULER)
    wait_for(lambda: (tmp_path / "up").exists() and len(tagged(tmp_path)) == 4)
    family = tagged(tmp_path)
    supervisord.stop(tmp_path, service(has_tasks=True))
    assert not [process for process in family if process.is_running()]
    assert not (tmp_path / "reported").exists()
    assert running.info()["exitstatus"] == 0, "it ended by itself, as its tasks had, and was not killed"


def test_a_service_that_keeps_dying_is_given_up(supervised, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisord, "MAX_RESTARTS", 2)
    running = supervised("raise SystemExit(3)")
    wait_for(lambda: running.info()["statename"] == "FATAL")
    assert n_restarts(tmp_path, "pages") == 2
    assert "Exited too quickly" in running.info()["spawnerr"]


def test_a_service_that_hangs_is_started_again_and_one_whose_health_is_unknown_is_left_alone(
    supervised, tmp_path, monkeypatch
):
    for name, value in (("LOOK_SECONDS", 0.05), ("UNHEALTHY_SECONDS", 0.2)):
        monkeypatch.setattr(restart_policy, name, value)
    running = supervised(SLEEP, SLEEP)
    services = [service(lambda _: False), Service("other", [], {}, lambda _: None)]
    other = running.info("other")["pid"]
    watch = threading.Thread(target=restart_policy.watch, args=[tmp_path, services])
    watch.start()
    wait_for(lambda: n_restarts(tmp_path, "pages") == 1)
    running.process.terminate()
    watch.join(60)
    assert not watch.is_alive()
    assert (n_restarts(tmp_path, "other"), other > 0) == (0, True)


def test_logs_are_kept_under_a_size(supervised, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisord, "LOG_BYTES", 2000)
    supervised("import itertools, time\nfor n in itertools.count(): print(f'{n:0999}', flush=True); time.sleep(0.01)")
    logs = tmp_path / "var" / "logs"
    oldest = logs / "pages.log.5"
    wait_for(lambda: oldest.exists() and int(oldest.read_text().split()[0]) > 100)
    sizes = [path.stat().st_size for path in logs.glob("pages.log*")]
    assert len(sizes) == 6
    assert max(sizes) <= 10_000


def test_the_lock_is_supervisords_and_free_after_kill_9(supervised, tmp_path):
    running = supervised(SLEEP)
    wait_for(lambda: tagged(tmp_path))
    assert acquire(Workspace(tmp_path)) is None
    running.process.kill()
    running.process.wait()
    left = tagged(tmp_path)
    assert left, "it goes on, and the next start ends it"
    lock = acquire(Workspace(tmp_path))
    assert lock is not None
    with lock:
        assert supervisord.clear_leftovers(tmp_path) == len(left)
    assert tagged(tmp_path) == []


def test_commands_are_taken_from_this_account_alone_and_from_no_port(supervised, tmp_path):
    running = supervised(SLEEP)
    run = tmp_path / "var" / "run"
    assert (run.stat().st_mode & 0o777, (run / "services.sock").stat().st_mode & 0o777) == (0o700, 0o700)
    assert psutil.Process(running.process.pid).net_connections("inet") == []


def test_a_checkout_with_a_long_path_and_a_percent_sign_works_too(supervised, tmp_path):
    root = tmp_path / ("100% " + "long" * 30)
    root.mkdir()
    assert supervised(SLEEP, root=root).info()["statename"] in supervisord.RUNNING


@pytest.mark.parametrize(
    ("program", "says"),
    [("raise SystemExit('no')", "pages ended while it started"), (SLEEP, "pages was not healthy within")],
)
def test_a_service_that_does_not_come_up_is_an_error_that_names_its_log(
    supervised, tmp_path, program, says, monkeypatch
):
    monkeypatch.setattr("medhash.platform.services.run._START_SECONDS", 4.0 if program == SLEEP else 60.0)
    running = supervised(program)
    with pytest.raises(MedhashError, match=rf"{says}[\s\S]*see .*pages\.log"):
        _wait_until_healthy(tmp_path, [service(lambda _: False)], running.process, tmp_path / "var" / "logs" / "x.log")


def test_a_port_that_does_not_exist_is_an_error_and_no_traceback():
    with pytest.raises(MedhashError, match="there is no such port"):
        require_free(70000, "--airflow-port")


def test_supervisord_that_was_never_started_or_is_gone_does_not_answer(tmp_path):
    (tmp_path / "var" / "run").mkdir(parents=True)
    with pytest.raises(OSError, match="Invalid argument"):
        supervisord.connect(tmp_path).getState()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    supervisord.shut_down(tmp_path, [service(has_tasks=True)], ended.pid)
