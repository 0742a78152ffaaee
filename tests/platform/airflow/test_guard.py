"""A command ends with whoever asked for it, whatever kills that, and all it started ends too."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from medhash.core.process import Child

SLEEPER = "import os, time; print('sleeper', os.getpid(), flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER
ASKER = """
import sys
from pathlib import Path
from medhash.core.process import Child
Child(Path('.'), lambda line: print(line, flush=True), needed=[int(pid) for pid in sys.argv[2:]]).run(
    [sys.executable, '-c', sys.argv[1]])
"""


def start_asker(tmp_path: Path, program: str, *needed: int) -> tuple[subprocess.Popen[str], psutil.Process]:
    """A process that runs `program` in a shell of a Child, as DVC does, and the process of that program."""
    through_shell = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    asker = subprocess.Popen(
        [sys.executable, "-c", ASKER, through_shell, *map(str, needed)], cwd=tmp_path, text=True, stdout=subprocess.PIPE
    )
    assert asker.stdout is not None
    return asker, psutil.Process(int(asker.stdout.readline().split()[1]))


def ends_within(process: psutil.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(("program", "seconds"), [(SLEEPER, 4), (STUBBORN, 12)])
def test_killing_the_asker_ends_what_its_command_started(tmp_path, program, seconds):
    asker, grandchild = start_asker(tmp_path, program)
    asker.kill()
    asker.wait()
    assert ends_within(grandchild, seconds)


def test_killing_the_command_alone_ends_what_it_started(tmp_path):
    asker, grandchild = start_asker(tmp_path, SLEEPER)
    command = grandchild.parent()
    assert command is not None
    command.kill()
    assert ends_within(grandchild, 4)
    assert asker.wait(10) == 0, "the asker goes on, and hears how its command ended"


def test_killing_the_process_that_reports_the_task_ends_the_command(tmp_path):
    supervisor = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    asker, grandchild = start_asker(tmp_path, SLEEPER, supervisor.pid)
    supervisor.kill()  # and not waited for: it stays as a zombie, as under a busy executor
    assert ends_within(grandchild, 6)
    assert asker.wait(10) == 0
    supervisor.wait()


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("raise SystemExit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("pass", 0),
    ],
)
def test_a_command_ends_under_a_guard_as_it_would_alone(tmp_path, program, code):
    assert Child(tmp_path, lambda line: None).run([sys.executable, "-c", program]).code == code


def test_the_variables_of_the_run_reach_the_command(tmp_path):
    finished = Child(tmp_path, lambda line: None, {"MEDHASH_WHO": "airflow:run 1"}).run(
        [sys.executable, "-c", "import os; print(os.environ['MEDHASH_WHO'])"]
    )
    assert finished.tail == ("airflow:run 1",)
