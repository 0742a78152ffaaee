"""A service is waited for, and nothing it started is left, whichever way it ends."""

import sys
from pathlib import Path

import pytest

from components.errors import MedhashError
from components.orchestration.process import family_of
from components.ui.ports import HOST, free_ports, require_free
from components.ui.service import Service

SERVER = """
import http.server, subprocess, sys
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')
"""


def service(tmp_path: Path, program: str, port: int) -> Service:
    return Service("pages", [sys.executable, "-c", program, str(port)], {}, tmp_path, tmp_path / "log",
                   f"http://{HOST}:{port}/")


def test_after_it_was_healthy_it_stops_with_all_it_started(tmp_path):
    [port] = free_ports(1)
    with service(tmp_path, SERVER, port) as running:
        running.wait_until_healthy(30)
        family = family_of(running._process.pid)
        with pytest.raises(MedhashError, match=rf"port {port} of .* is taken[\s\S]*--mlflow-port"):
            require_free(port, "--mlflow-port")
    assert len(family) >= 2
    assert not [process for process in family if process.is_running()]
    require_free(port, "--mlflow-port")


@pytest.mark.parametrize(("program", "says"), [
    ("raise SystemExit('no')", "pages ended while it started"),
    ("import time; time.sleep(600)", "pages did not answer"),
])
def test_a_service_that_does_not_come_up_is_an_error_that_names_its_log(tmp_path, program, says):
    [port] = free_ports(1)
    with pytest.raises(MedhashError, match=rf"{says}[\s\S]*log tells why"), service(tmp_path, program, port) as broken:
        broken.wait_until_healthy(1.5)
