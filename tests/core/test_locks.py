"""Lock files: exclusive between processes and threads, freed by the kernel, waited for or refused."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading

import pytest

from medhash.core.errors import MedhashError
from medhash.core.locks import only_one, try_lock

_HOLD = """
import sys, time
from pathlib import Path
from medhash.core.locks import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
BUSY = MedhashError("another one works here", "wait until it has ended")


@pytest.fixture
def lock_file(tmp_path):
    return tmp_path / "var" / "some.lock"


@pytest.fixture
def holder(lock_file):
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(lock_file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_lock_of_another_process_is_refused_with_the_given_error(lock_file, holder):
    with pytest.raises(MedhashError, match="another one works here"), only_one(lock_file, busy=BUSY):
        pytest.fail("two held the lock")
    assert try_lock(lock_file) is None


def test_a_killed_process_frees_its_lock(lock_file, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with only_one(lock_file, busy=BUSY):
        assert lock_file.exists()


def test_without_an_error_the_next_one_waits_and_says_so_once(lock_file, holder):
    said = []
    threading.Timer(0.2, holder.kill).start()
    with only_one(lock_file, on_wait=lambda: said.append("waiting")):
        assert said == ["waiting"]


def test_a_second_thread_is_kept_out(lock_file):
    found = []
    with only_one(lock_file):
        thread = threading.Thread(target=lambda: found.append(try_lock(lock_file)))
        thread.start()
        thread.join()
    assert found == [None]


def test_the_lock_is_freed_when_the_block_raises(lock_file):
    with pytest.raises(KeyError), only_one(lock_file):
        raise KeyError
    lock = try_lock(lock_file)
    assert lock is not None
    lock.release()


def test_another_thread_may_release_what_try_lock_gave(lock_file):
    lock = try_lock(lock_file)
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    with only_one(lock_file, busy=BUSY):
        pass


def test_a_forked_child_that_ends_does_not_free_its_parents_lock(lock_file):
    with only_one(lock_file):
        child = multiprocessing.get_context("fork").Process(target=int)
        child.start()
        child.join()
        assert child.exitcode == 0
        assert try_lock(lock_file) is None


def test_what_the_lock_file_holds_is_left_alone(lock_file):
    lock_file.parent.mkdir()
    lock_file.write_text("a log")
    with only_one(lock_file):
        assert lock_file.read_text() == "a log"
    assert lock_file.read_text() == "a log"
