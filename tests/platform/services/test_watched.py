"""What a watcher does with a service that keeps dying, whose log grows, and who holds the lock."""

import subprocess
import sys
import time

import pytest

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.platform.services import supervisor as watched
from medhash.platform.services.logs import rotate
from medhash.platform.services.service import Service
from medhash.platform.services.state import State, acquire, acquire_or_refuse, last_state, state_file
from medhash.platform.services.supervisor import MAX_RESTARTS, Watched

STATE = State(
    pid=1,
    who="anna",
    host="server",
    started_at=0.0,
    airflow_port=8080,
    mlflow_port=5000,
    phase="running",
    problem="",
    fix="",
    services=[],
)


@pytest.fixture
def said() -> list[str]:
    return []


def watch(tmp_path, said, program: str, health) -> Watched:
    return Watched(
        Service("pages", [sys.executable, "-c", program], {}, tmp_path, tmp_path / "log", health), None, said.append
    )


def steps_until(one: Watched, done, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        one.step()
        time.sleep(0.01)


def test_a_service_that_keeps_dying_is_started_later_each_time_and_at_last_given_up(tmp_path, said, monkeypatch):
    monkeypatch.setattr(watched, "_LONGEST_DELAY", 0.02)
    one = watch(tmp_path, said, "raise SystemExit(3)", lambda _: True)
    one.service.start()
    steps_until(one, lambda: one.gave_up)
    assert one.restarts == MAX_RESTARTS
    assert len(said) == MAX_RESTARTS + 1
    assert "exit code 3" in said[0]
    assert "not started again" in said[-1]
    assert (one.state().pid, one.state().gave_up, one.state().healthy) == (None, True, False)


def test_a_service_that_hangs_is_restarted_and_one_whose_health_cannot_be_known_is_left_alone(
    tmp_path, said, monkeypatch
):
    for name, value in (("_LOOK_SECONDS", 0.0), ("_UNHEALTHY_SECONDS", 0.2), ("_LONGEST_DELAY", 0.02)):
        monkeypatch.setattr(watched, name, value)
    hanging = watch(tmp_path, said, "import time; time.sleep(600)", lambda _: False)
    hanging.service.start()
    steps_until(hanging, lambda: hanging.restarts == 1)
    assert "has not been healthy" in said[0]
    hanging.service.stop()
    unknown = watch(tmp_path, said, "import time; time.sleep(600)", lambda _: None)
    unknown.service.start()
    started = time.monotonic()
    steps_until(unknown, lambda: time.monotonic() - started > 0.5)
    unknown.service.stop()
    assert unknown.restarts == 0


def test_a_log_is_cut_at_its_size_and_its_last_parts_are_kept_while_its_writer_goes_on(tmp_path):
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        for part in range(8):
            writer.write(b"%d" % part * 100)
            assert rotate(log, max_bytes=99, kept=3)
            assert not rotate(log, max_bytes=99, kept=3)
        writer.write(b"last")
    assert log.read_text() == "last"
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.log", "a.log.1", "a.log.2", "a.log.3"]
    assert [(tmp_path / f"a.log.{number}").read_text()[0] for number in (1, 2, 3)] == ["7", "6", "5"]


def test_the_lock_is_one_processs_and_free_after_kill_9(tmp_path):
    workspace = Workspace(tmp_path)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
import time
from pathlib import Path
from medhash.platform.services.state import acquire
from medhash.core.workspace import Workspace
lock = acquire(Workspace(Path({str(tmp_path)!r})))
print('held', flush=True)
time.sleep(600)""",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    STATE.write(state_file(workspace))
    assert acquire(workspace) is None
    with pytest.raises(MedhashError, match=r"started by anna on server .* process 1: Airflow on port 8080"):
        acquire_or_refuse(workspace)
    holder.kill()
    holder.wait()
    with acquire_or_refuse(workspace):
        assert acquire(workspace) is None


def test_a_file_of_another_version_is_set_aside_and_hides_nothing(tmp_path):
    workspace = Workspace(tmp_path)
    STATE.write(state_file(workspace))
    assert last_state(workspace) == STATE
    state_file(workspace).write_text("{")
    assert last_state(workspace) is None
    assert state_file(workspace).with_suffix(".unreadable").exists()
