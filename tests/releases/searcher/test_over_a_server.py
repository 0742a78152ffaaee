"""Searcher, rollback, lease and the pyfunc model over a real MLflow server that hands out artifacts by HTTP."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from releases.champion.registered import NAME, aliases, register, registry_of, workspace_with_store
from releases.searcher.asked import K, expected_answers

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.rollback import RolledBack, rollback
from medhash.releases.searcher.searcher import Searcher
from medhash.releases.staging import staging


class Server:
    """`mlflow server` on a free port of 127.0.0.1, its database and artifacts in a folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._folder = folder
        self.address = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
        self._process = subprocess.Popen(
            [
                str(Path(sys.executable).parent / "mlflow"),
                "server",
                "--host",
                "127.0.0.1",
                "--port",
                str(self._port),
                "--workers",
                "1",
                "--backend-store-uri",
                f"sqlite:///{self._folder / 'mlflow.db'}",
                "--artifacts-destination",
                str(self._folder / "artifacts"),
            ],
            cwd=self._folder,
            start_new_session=True,
            env=environment | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"},
            stdout=(self._folder / "server.log").open("ab"),
            stderr=subprocess.STDOUT,
        )
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.address}/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise TimeoutError((self._folder / "server.log").read_text())

    def kill(self) -> None:
        os.killpg(self._process.pid, 9)
        self._process.wait()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    started = Server(tmp_path / "server")
    started.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", started.address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    yield started
    started.kill()


@pytest.mark.slow
@pytest.mark.thorough
def test_a_client_on_another_machine_answers_through_outage_promotion_and_rollback(server, tmp_path, monkeypatch):
    import cv2
    import mlflow
    import numpy as np
    import pandas as pd

    workspace = workspace_with_store(tmp_path / "coordinator")
    register(workspace, 1)
    cv2.imwrite(str(tmp_path / "3.png"), np.load(workspace.pixels)[3, 0])
    client = Workspace(tmp_path / "client")  # shares nothing with the coordinator but the server
    searcher = Searcher(client, NAME)

    def ask() -> tuple[str | None, list[tuple[str, int]]]:
        reply = searcher.answer([tmp_path / "3.png"], K)
        return reply.version, [(neighbour.id, neighbour.distance_bits) for neighbour in reply.neighbours]

    register(workspace, 2)
    expected = expected_answers(workspace.root)
    assert ask() == ("1", expected["1", "3.png"])
    assert searcher.refresh()
    assert ask() == ("2", expected["2", "3.png"])

    shutil.rmtree(workspace.derived)  # the registered versions hold all that is needed
    monkeypatch.chdir(tmp_path)
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    asked = pd.DataFrame({"image": [(tmp_path / "3.png").read_bytes()]})
    answer = json.loads(loaded.predict(asked, params={"k": K})["neighbours"][0])
    assert [(found["bag_id"], found["distance"]) for found in answer] == expected["2", "3.png"]
    others = json.loads(loaded.predict(asked, params={"k": 96, "exclude_patient": f"{10_000:016x}"})["neighbours"][0])
    assert {int(found["bag_id"], 16) for found in others} == set(range(4, 96))  # images 0 to 3 are that patient's

    server.kill()
    assert not searcher.refresh()
    assert searcher.note.startswith("version 2 keeps answering: MLflow at http://127.0.0.1")
    assert ask() == ("2", expected["2", "3.png"])
    server.start()

    registry = registry_of(workspace)
    with (
        staging(client, registry_of(client)),
        pytest.raises(MedhashError, match=r"another promotion .* on medhash-nih"),
    ):
        rollback(workspace, registry, RolledBack.now("worse in use", "Dr. Roe"))
    assert aliases(workspace)["champion"] == 2
    rollback(workspace, registry, RolledBack.now("worse in use", "Dr. Roe"))
    assert aliases(workspace) == {"champion": 1}
    assert searcher.refresh()
    assert searcher.note == ""
    assert ask() == ("1", expected["1", "3.png"])
