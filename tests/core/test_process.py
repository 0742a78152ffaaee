"""Which processes count as running."""

import os
import subprocess
import sys

import psutil

from medhash.core.process import is_alive


def test_a_process_is_alive_until_it_ends_even_before_it_is_reaped():
    assert is_alive(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    process = psutil.Process(child.pid)
    assert is_alive(child.pid)
    child.kill()
    while process.status() != psutil.STATUS_ZOMBIE:
        pass
    assert not is_alive(child.pid)
    assert not is_alive(process)
    child.wait()
    assert not is_alive(child.pid)
    assert not is_alive(process)
