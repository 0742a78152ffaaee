"""One item is run by name; its failure is told apart, and costs no earlier result."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.process import Child, Finished
from medhash.platform.airflow.operators import parse_progress, progress_line
from medhash.platform.stage_run import StageFailed, run_command, run_item, seal

STAGE = """
import pathlib, sys
wish = pathlib.Path('wish').read_text()
if wish == 'mendable':
    sys.exit('error: row 3 has no patient\\n  fix: mend row 3')
if wish == 'crash':
    sys.exit(9)
pathlib.Path('result').write_text(wish)
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  work: {cmd: python stage.py, deps: [wish], outs: [result]}\n"
        "  gate-work: {cmd: echo ok > ok, deps: [result], outs: [ok]}\n"
    )
    (tmp_path / "wish").write_text("one")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def child(root: Path) -> Child:
    return Child(root, lambda line: None)


@pytest.mark.parametrize(
    ("wish", "retry", "says"),
    [
        ("mendable", False, "row 3 has no patient\n  fix: mend row 3"),
        ("crash", True, "work ended with exit code"),
    ],
)
def test_a_failure_tells_whether_a_retry_could_help_and_brings_the_last_result_back(checkout, wish, retry, says):
    run_item(checkout, "work", child(checkout))
    (checkout / "wish").write_text(wish)
    with pytest.raises(StageFailed) as failure:
        run_item(checkout, "work", child(checkout))
    assert failure.value.retry is retry
    assert str(failure.value).startswith(says)
    assert (checkout / "result").read_text() == "one"


def test_one_item_runs_alone_and_the_seal_names_what_it_left_stale(checkout):
    run_item(checkout, "work", child(checkout))
    run_item(checkout, "gate-work", child(checkout))
    assert seal(checkout, child(checkout)) == sha256_file(checkout / "dvc.lock")
    (checkout / "wish").write_text("two")
    run_item(checkout, "work", child(checkout))
    assert (checkout / "result").read_text() == "two"
    with pytest.raises(MedhashError, match="gate-work"):
        seal(checkout, child(checkout))


def test_an_act_that_ends_without_a_message_may_be_tried_again(tmp_path):
    (tmp_path / "act.py").write_text("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(StageFailed, match="act ended with exit code -9") as failure:
        run_command("act", child(tmp_path), module="act")
    assert failure.value.retry


def test_stopping_a_child_stops_what_it_started(tmp_path):
    sleeper = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleeper!r}])"

    class Stopped(Exception):
        pass

    started: list[psutil.Process] = []

    def stop(line: str) -> None:
        # Not simply all children: this process may have others, of tests that ran before.
        parent = psutil.Process(int(line)).parent()
        assert parent is not None
        started.extend([parent, *parent.children(recursive=True)])
        raise Stopped

    with pytest.raises(Stopped):
        Child(tmp_path, stop).run([sys.executable, "-c", program])
    assert len(started) >= 2
    deadline = time.monotonic() + 10
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in started):
        assert time.monotonic() < deadline, "a process outlived its task"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (("error: a", "  b", "  fix: c", "ERROR: dvc"), "a\n  b\n  fix: c"),
        (("error: old", "  fix: old", "error: new", "  fix: new"), "new\n  fix: new"),
        (("Traceback", "ValueError: no"), None),
    ],
)
def test_the_message_for_the_user_is_found_among_the_last_lines(tail, message):
    assert Finished(1, tail).message() == message


def test_progress_survives_what_a_logger_writes_around_it():
    line = progress_line("train@lsh", "failed", message='a "quoted" } brace\n  fix: b')
    assert parse_progress(f"2026 [info ] {line} [logger] loc=x.py:1") == {
        "item": "train@lsh",
        "state": "failed",
        "message": 'a "quoted" } brace\n  fix: b',
    }
    assert parse_progress("medhash-progress of another kind") is None
