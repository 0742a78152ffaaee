"""The whole pipeline in two scratch checkouts: one by `medhash demo`, one under a real scheduler beside its pages.

The tests share the two checkouts and run in the order of this file, in one process: later ones spoil archives.
"""

import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml
from airflow_rest import AirflowRest
from checkout import CLASSES, checkout_environment, run_in, scratch_checkout

from components.documents import GateReport
from components.files import sha256_file
from components.services.ports import HOST, free_ports
from components.workspace import Workspace

pytestmark = pytest.mark.slow
LATER = ("models", "codes", "index", "metrics")
"""Folders of data/derived that come after the gate of labels."""


@dataclass
class Runs:
    """Both checkouts after a complete run."""

    by_demo: Path
    demo_output: str
    demo_code: int
    scheduled: Path
    ui: subprocess.Popen[bytes]
    rest: AirflowRest
    mlflow: str
    run: str
    state: str
    was_paused: bool


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Iterator[Runs]:
    by_demo = scratch_checkout(tmp_path_factory.mktemp("demo"))
    scheduled = scratch_checkout(tmp_path_factory.mktemp("scheduled"))
    airflow_port, mlflow_port = free_ports(2)
    with (by_demo.parent / f"{by_demo.name}.out").open("w+") as said:
        demo = subprocess.Popen([sys.executable, "-m", "components.demo"], cwd=by_demo, stdout=said,
                                env=checkout_environment(by_demo), stderr=subprocess.STDOUT)
        ui = subprocess.Popen([sys.executable, "-m", "components.ui", "--airflow-port", str(airflow_port),
                               "--mlflow-port", str(mlflow_port)], cwd=scheduled,
                              env=checkout_environment(scheduled), stdout=subprocess.PIPE, start_new_session=True)
        try:
            for line in ui.stdout:
                if line.startswith(b"Ctrl-C"):
                    break
            assert ui.poll() is None, "the pages did not come up"
            rest = AirflowRest(f"http://{HOST}:{airflow_port}")
            paused = rest.wait_for_dag()["is_paused"]
            run = rest.trigger()
            state = rest.wait_for_end(run)
            code = demo.wait(1200)
            said.seek(0)
            yield Runs(by_demo, said.read(), code, scheduled, ui, rest, f"http://{HOST}:{mlflow_port}", run, state,
                       paused)
        finally:
            demo.kill()
            if ui.poll() is None:
                ui.send_signal(signal.SIGINT)
                ui.wait(60)


def digests(root: Path, *folders: str) -> dict[str, str]:
    derived = Workspace(root).derived
    return {str(path.relative_to(derived)): sha256_file(path) for folder in folders
            for path in sorted((derived / folder).rglob("*")) if path.is_file()}


def lock_entries(root: Path) -> dict[str, object]:
    return yaml.safe_load((root / "dvc.lock").read_text())["stages"]


def aliases(root: Path) -> dict[str, int]:
    with sqlite3.connect(Workspace(root).mlflow_database) as database:
        return dict(database.execute("select alias, version from registered_model_aliases"))


def lose_a_finding(root: Path) -> None:
    """Give every training image of one class another finding, as a changed export might: all rows stay valid."""
    folder = root / "data" / "sample" / "nih"
    training = set((folder / "train_val_list.txt").read_text().split())
    table = folder / "Data_Entry_2017_v2020.csv"
    table.write_text("".join(line.replace(CLASSES[-1], "Hernia") if line.split(",")[0] in training else line
                             for line in table.read_text().splitlines(keepends=True)))


def test_the_demo_shows_every_step_and_ends_with_figures_report_and_champion(runs):
    assert runs.demo_code == 0, runs.demo_output
    n_steps = len(lock_entries(runs.by_demo)) + 4
    for step in ("[ 1/", f"[{n_steps - 1}/{n_steps}] promote", f"[{n_steps}/{n_steps}] withdraw", "chance",
                 "champion", "reports/index.html", "make ui"):
        assert step in runs.demo_output
    assert Workspace(runs.by_demo).report.exists()
    assert aliases(runs.by_demo)["champion"] == 1


def test_a_real_scheduler_runs_the_dag_to_success_after_it_was_found_paused(runs):
    assert runs.was_paused
    assert runs.state == "success", runs.rest.states(runs.run)
    assert set().union(*runs.rest.states(runs.run).values()) == {"success"}
    assert "sealed: dvc.lock is " + sha256_file(runs.scheduled / "dvc.lock") in runs.rest.log(runs.run, "seal")
    assert aliases(runs.scheduled)["champion"] == 1


def test_two_checkouts_give_the_same_bytes_and_the_same_lock_up_to_evaluate(runs):
    everything = ("images", "split", "labels", "similarity", "features", "gates", *LATER)
    assert digests(runs.by_demo, *everything) == digests(runs.scheduled, *everything)
    first, second = lock_entries(runs.by_demo), lock_entries(runs.scheduled)
    assert first.keys() == second.keys()
    assert {name: entry for name, entry in first.items() if name != "report"} == {
        name: entry for name, entry in second.items() if name != "report"}


def test_a_second_repro_does_nothing(runs):
    before = digests(runs.by_demo, *LATER)
    started = time.monotonic()
    done = run_in(runs.by_demo, "-m", "dvc", "repro")
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert "Running stage" not in done.stdout
    assert digests(runs.by_demo, *LATER) == before
    assert seconds < 20, "five seconds on an idle machine"


def test_settings_one_comes_back_to_cost_nothing(runs):
    """The run-cache gives back what was trained under the same settings, data and code."""
    params = runs.by_demo / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("epochs: 2", "epochs: 1"))
    assert run_in(runs.by_demo, "-m", "dvc", "repro", "-s", "train@lsh").returncode == 0
    params.write_text(text)
    done = run_in(runs.by_demo, "-m", "dvc", "repro", "-s", "train@lsh")
    assert "is cached - skipping run" in done.stdout
    assert run_in(runs.by_demo, "-m", "dvc", "status", "--quiet").returncode == 0


def test_an_archive_that_ingest_refuses_leaves_every_output_as_it_was(runs):
    everything = digests(runs.by_demo, "images", "split", "labels", *LATER)
    archive = runs.by_demo / "data" / "sample" / "nih" / "images_001.tar.gz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[:len(whole) // 2])
    done = run_in(runs.by_demo, "-m", "dvc", "repro")
    archive.write_bytes(whole)
    assert done.returncode != 0
    assert "images_001.tar.gz" in done.stderr + done.stdout
    assert "Running stage 'gate-ingest'" not in done.stdout
    assert digests(runs.by_demo, "images", "split", "labels", *LATER) == everything
    assert run_in(runs.by_demo, "-m", "dvc", "status", "--quiet").returncode == 0


def test_a_poisoned_archive_stops_the_scheduled_run_at_the_gate_of_labels(runs):
    before, champion = digests(runs.scheduled, *LATER), aliases(runs.scheduled)
    report = sha256_file(Workspace(runs.scheduled).report)
    lose_a_finding(runs.scheduled)
    run = runs.rest.trigger()
    assert runs.rest.wait_for_end(run) == "failed"
    states = runs.rest.states(run)
    assert states["labels"] == {"success"}
    assert states["gate-labels"] == {"failed"}
    for task in ("similarity", "train", "report", "seal", "promote"):
        assert states[task] == {"upstream_failed"}
    failed = [check for check in GateReport.read(Workspace(runs.scheduled).gate("labels")).checks if not check.success]
    assert failed
    for check in failed:
        assert check.expectation in runs.rest.log(run, "gate-labels")
    assert digests(runs.scheduled, *LATER) == before
    assert sha256_file(Workspace(runs.scheduled).report) == report
    assert aliases(runs.scheduled) == champion


def test_both_pages_answer_and_interrupting_them_leaves_no_process(runs):
    for address in (f"{runs.rest.address}/", f"{runs.mlflow}/"):
        with urllib.request.urlopen(address, timeout=30) as page:
            assert b"<html" in page.read().lower()
    family = psutil.Process(runs.ui.pid).children(recursive=True)
    assert len(family) > 4
    runs.ui.send_signal(signal.SIGINT)
    assert runs.ui.wait(60) == 0
    assert [process for process in family if process.is_running()] == []
