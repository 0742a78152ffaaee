"""DVC's locks after a kill: real DVC commands meet what killed ones left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from medhash.core.process import Child
from medhash.platform.stage_run import run_item
from medhash.platform.stale_locks import release_dead_locks


@pytest.fixture
def checkout(tmp_path) -> Path:
    (tmp_path / "dvc.yaml").write_text("stages:\n  work: {cmd: echo done > result, outs: [result]}\n")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def rwlock(root: Path) -> Path:
    return root / ".dvc" / "tmp" / "rwlock"


def a_dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_list_that_a_kill_left_empty_no_longer_fails_every_command(checkout):
    rwlock(checkout).parent.mkdir(parents=True, exist_ok=True)
    rwlock(checkout).write_text('{"write": {"')
    assert subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=checkout, capture_output=True).returncode != 0
    said: list[str] = []
    run_item(checkout, "work", Child(checkout, said.append))
    assert (checkout / "result").read_text() == "done\n"
    assert any("half written by a killed process" in line for line in said)


def test_entries_of_the_dead_and_of_strangers_go_and_those_of_a_running_dvc_stay(tmp_path):
    held = tmp_path / ".dvc" / "tmp" / "rwlock"
    held.parent.mkdir(parents=True)
    dvc = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "dvc", "repro"])
    killed = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "dvc", "repro"])
    killed.kill()  # and not waited for: a zombie
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    def by(process: int) -> dict[str, object]:
        return {"pid": process, "cmd": "dvc repro"}

    try:
        held.write_text(
            json.dumps(
                {
                    "read": {"a": [by(a_dead_pid()), by(dvc.pid)], "b": [by(killed.pid)]},
                    "write": {"c": by(dvc.pid), "d": by(stranger.pid), "e": by(killed.pid)},
                }
            )
        )
        release_dead_locks(tmp_path, lambda line: None)
        assert json.loads(held.read_text()) == {"read": {"a": [by(dvc.pid)]}, "write": {"c": by(dvc.pid)}}
    finally:
        for process in (dvc, killed, stranger):
            process.kill()
            process.wait()


def test_where_nothing_is_locked_nothing_is_done(tmp_path):
    release_dead_locks(tmp_path, pytest.fail)
    assert list(tmp_path.iterdir()) == []
