"""Two runs of the server profile: a real PostgreSQL, a real scheduler with login, MLflow's server, and somebody who
searches all the while. Both start because the archive grew; the second has a better method, and a scheduler and a
training are killed in it.

The tests look at one history, made once.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from airflow_rest import AirflowRest
from checkout import scratch_checkout
from nih_archive import add_patients
from postgres import running_postgres
from server import Server, running_server

from medhash.core.contracts import SPLIT, read_table
from medhash.core.workspace import Workspace
from medhash.releases.audit import read_log

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
MODEL, WATCH = "medhash-nih", "watch_archive"
CLIENT = """
import json, sys, time
from pathlib import Path
from medhash.releases.searcher.searcher import Searcher
from medhash.core.workspace import Workspace
searcher = Searcher(Workspace(Path(".")), sys.argv[1])
while True:
    reply = searcher.answer([Path(sys.argv[2])], 5)
    searcher.refresh()
    found = [neighbour.id for neighbour in reply.neighbours]
    print(json.dumps([reply.version, found, searcher.note]), flush=True)
    time.sleep(0.5)
"""


@dataclass
class History:
    """What happened, for the tests to judge."""

    server: Server
    rest: AirflowRest
    runs: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    folds: list[dict[str, str]] = field(default_factory=list)
    """Patient → fold after each run."""
    killed: list[str] = field(default_factory=list)
    answers: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)
    client_errors: str = ""

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.server.root)


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> Iterator[History]:
    root = scratch_checkout(tmp_path_factory.mktemp("server") / "medhash")
    archive = root / "data" / "sample" / "nih"
    shutil.rmtree(archive)
    add_patients(archive, first=1, count=190, tar=1)
    change_settings(
        root,
        methods=["lsh"],
        split={"strategy": "hash"},
        schedule={"retries": 2, "retry_minutes": 0.05, "watch_cron": "0 0 29 2 *"},
    )
    with running_postgres() as postgres, running_server(root, postgres) as server:
        seen = History(server, server.login())
        seen.rest.wait_for_dag()
        seen.rest.unpause()
        run_because_the_archive_grew(seen, lambda run: None)
        with searching(seen):
            n_versions = seen.rest.n_versions()
            change_settings(root, methods=["lsh", "ksh"])
            add_patients(archive, first=191, count=16, tar=2)
            wait_for(lambda: seen.rest.n_versions() > n_versions)
            run_because_the_archive_grew(seen, lambda run: kill_two(seen, run))
        yield seen


def change_settings(root: Path, **sections: Any) -> None:
    whole = yaml.safe_load((root / "params.yaml").read_text())
    for name, value in sections.items():
        whole[name] = {**whole[name], **value} if isinstance(value, dict) else value
    (root / "params.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))


def run_because_the_archive_grew(seen: History, meanwhile: Callable[[str], None]) -> None:
    """The watch looks twice, the scheduler starts a run, and it ends."""
    for _ in range(2):
        look = seen.rest.trigger(WATCH)
        assert seen.rest.wait_for_end(look, dag=WATCH) == "success"
    wait_for(lambda: len(seen.rest.runs()) > len(seen.runs))
    seen.runs.append(seen.rest.runs()[-1])
    meanwhile(seen.runs[-1])
    seen.ends.append(seen.rest.wait_for_end(seen.runs[-1]))
    split = read_table(seen.workspace.split, SPLIT)
    seen.folds.append(dict(zip(split["patient_id"].to_pylist(), split["fold"].to_pylist(), strict=True)))


def kill_two(seen: History, run: str) -> None:
    """SIGKILL to the scheduler while it runs the first stages, and to the first training."""
    wait_for(lambda: "running" in seen.rest.states(run).get("split", set()) | seen.rest.states(run)["gate-ingest"])
    seen.server.kill("airflow-scheduler")
    seen.killed.append("scheduler")
    seen.server.start_unit("airflow-scheduler")
    training = wait_for(
        lambda: next(
            (
                process
                for process in psutil.process_iter(["cmdline", "cwd"])
                if "components.train" in (process.info["cmdline"] or [])
                and process.info["cwd"] == str(seen.server.root)
            ),
            None,
        )
    )
    training.send_signal(signal.SIGKILL)
    seen.killed.append(training.info["cmdline"][-1])


def wait_for(what, seconds: float = 600.0):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


@contextmanager
def searching(seen: History) -> Iterator[None]:
    """Somebody asks the champion for one image's neighbours, again and again."""
    root = seen.server.root
    with tarfile.open(root / "data" / "sample" / "nih" / "images_001.tar.gz") as archive:
        member = next(one for one in archive if one.isfile())
        (root.parent / "query.png").write_bytes(archive.extractfile(member).read())
    environment = {**seen.server.environment, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, MODEL, str(root.parent / "query.png")],
            cwd=root,
            env=environment,
            stdout=out,
            stderr=err,
        )
        try:
            wait_for(lambda: os.fstat(out.fileno()).st_size or client.poll() is not None)
            yield
            time.sleep(3)
        finally:
            ended = client.poll()
            client.kill()
            client.wait()
            out.seek(0)
            err.seek(0)
            seen.client_errors = err.read() + (f"ended with {ended}" if ended is not None else "")
            seen.answers = [
                (version, tuple(found), note) for version, found, note in map(json.loads, out.read().splitlines()[:-1])
            ]


def test_both_runs_complete_although_a_scheduler_and_a_training_were_killed(history):
    assert history.killed[0] == "scheduler"
    assert history.killed[1] in ("lsh", "ksh")
    assert history.ends == ["success", "success"], history.rest.states(history.runs[-1])
    for run in history.runs:
        assert run.startswith("asset_triggered__")
        assert set().union(*history.rest.states(run).values()) == {"success"}
    tries = [one["try_number"] for one in history.rest.instances(history.runs[1]) if one["task_id"] == "train"]
    assert max(tries) > 1, "the killed training was tried again"


def test_new_patients_arrived_and_the_others_kept_their_fold(history):
    before, after = history.folds
    assert len(after) > len(before)
    assert {patient: after[patient] for patient in before} == before


def test_the_better_model_is_the_one_champion_and_its_parts_belong_together(history, tmp_path, monkeypatch):
    from medhash.core import tracking
    from medhash.releases.registry import CHAMPION, Registry

    aliases = history.server.postgres.ask("mlflow", "select alias, version from registered_model_aliases")
    assert [alias for alias, _ in aliases].count(CHAMPION) == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", history.server.environment["MLFLOW_TRACKING_URI"])
    registry = Registry(tracking.connect(history.workspace), MODEL, make=False)
    champion = registry.version_of(CHAMPION)
    assert champion is not None
    _, release = registry.fetch_checked(champion, tmp_path / "fetched")
    assert release.method == "ksh"
    assert champion.tags["airflow_run"] == history.runs[1]


def test_every_decision_is_in_the_audit_log_the_run_and_its_note(history):
    lines = read_log(history.workspace)
    decisions = [line.entry for line in lines if line.entry.act in ("promote", "refuse")]
    assert [entry.who for entry in decisions] == [f"airflow:{run}" for run in history.runs]
    assert [entry.act for entry in decisions] == ["promote", "promote"]
    for number, run in enumerate(history.runs, 1):
        assert f"{MODEL} version {number}: promoted" in history.rest.note(run)


def test_who_searched_all_the_while_saw_no_error_and_no_mixed_release(history):
    assert history.client_errors == ""
    assert len(history.answers) > 20
    answers: dict[str, set[tuple[str, ...]]] = {}
    for version, found, note in history.answers:
        assert note == ""
        answers.setdefault(version, set()).add(found)
    assert all(len(different) == 1 for different in answers.values()), "one release gives one answer"
    assert list(answers) == ["1", "2"], "from the first champion to the second, and not back"


def test_nobody_gets_in_without_the_generated_password_and_a_viewer_may_only_look(history):
    address, server = history.rest.address, history.server
    with pytest.raises(urllib.error.HTTPError, match="401"):
        AirflowRest(address, "admin", "admin")
    with pytest.raises(urllib.error.HTTPError, match=r"40[13]"):
        AirflowRest(address)
    viewer = server.login("viewer")
    assert viewer.wait_for_dag()["dag_id"] == "hashing_retrain"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        viewer.trigger()
