"""The whole pipeline in scratch checkouts: by hand with `dvc repro`, and by `medhash demo` in the thorough lane.

The tests share the checkouts and run in the order of this file, in one process: later ones spoil archives. A real
scheduler runs it in test_on_postgres.py.
"""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml
from checkout import CLASSES, checkout_environment, run_in, scratch_checkout

from medhash.core.documents import GateReport
from medhash.core.files import sha256_file
from medhash.core.workspace import Workspace
from medhash.platform.services.ports import HOST, free_ports

pytestmark = pytest.mark.slow
LATER = ("models", "codes", "index", "metrics")
"""Folders of data/derived that come after the gate of labels."""


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory) -> Path:
    """A checkout after `dvc repro`."""
    root = scratch_checkout(tmp_path_factory.mktemp("hand"))
    done = run_in(root, "-m", "dvc", "repro", seconds=1200)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def promoted(by_hand) -> subprocess.CompletedProcess[str]:
    """`medhash promote` in that checkout."""
    return run_in(by_hand, "-m", "medhash.cli", "promote")


@dataclass
class Demo:
    """Another checkout after `medhash demo`, and what that printed."""

    root: Path
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    root = scratch_checkout(tmp_path_factory.mktemp("demo"))
    return Demo(root, run_in(root, "-m", "medhash.cli", "demo", seconds=1200))


def digests(root: Path, *folders: str) -> dict[str, str]:
    derived = Workspace(root).derived
    return {
        str(path.relative_to(derived)): sha256_file(path)
        for folder in folders
        for path in sorted((derived / folder).rglob("*"))
        if path.is_file()
    }


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
    table.write_text(
        "".join(
            line.replace(CLASSES[-1], "Hernia") if line.split(",")[0] in training else line
            for line in table.read_text().splitlines(keepends=True)
        )
    )


@pytest.mark.thorough
def test_the_demo_shows_every_step_and_ends_with_figures_report_and_champion(demo):
    assert demo.done.returncode == 0, demo.done.stdout + demo.done.stderr
    n_steps = len(lock_entries(demo.root)) + 4
    for step in (
        "[ 1/",
        f"[{n_steps - 1}/{n_steps}] promote",
        f"[{n_steps}/{n_steps}] withdraw",
        "chance",
        "champion",
        "reports/index.html",
        "make ui",
    ):
        assert step in demo.done.stdout
    assert Workspace(demo.root).report.exists()
    assert aliases(demo.root)["champion"] == 1


def test_by_hand_a_model_becomes_the_champion(by_hand, promoted):
    assert promoted.returncode == 0, promoted.stderr
    assert promoted.stdout.splitlines()[0] == "# medhash-nih: version 1 is promoted"
    assert aliases(by_hand)["champion"] == 1


@pytest.mark.thorough
def test_two_checkouts_give_the_same_bytes_and_the_same_lock_up_to_evaluate(demo, by_hand):
    everything = ("images", "split", "labels", "similarity", "features", "gates", *LATER)
    assert digests(demo.root, *everything) == digests(by_hand, *everything)
    first, second = lock_entries(demo.root), lock_entries(by_hand)
    assert first.keys() == second.keys()
    assert {name: entry for name, entry in first.items() if name != "report"} == {
        name: entry for name, entry in second.items() if name != "report"
    }


def test_a_second_repro_does_nothing(by_hand):
    before = digests(by_hand, *LATER)
    started = time.monotonic()
    done = run_in(by_hand, "-m", "dvc", "repro")
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert "Running stage" not in done.stdout
    assert digests(by_hand, *LATER) == before
    assert seconds < 20, "five seconds on an idle machine"


@pytest.mark.thorough
def test_settings_one_comes_back_to_cost_nothing(by_hand):
    """The run-cache gives back what was trained under the same settings, data and code."""
    params = by_hand / "params.yaml"
    text = params.read_text()
    for settings in (text.replace("bits: 32", "bits: 16"), text):
        params.write_text(settings)
        for item in ("plan", "train@lsh"):
            done = run_in(by_hand, "-m", "dvc", "repro", "-s", item)
            assert done.returncode == 0, done.stderr
    assert "is cached - skipping run" in done.stdout
    assert run_in(by_hand, "-m", "dvc", "status", "--quiet").returncode == 0


def test_an_edit_another_method_and_other_features_make_stale_what_they_concern(by_hand, tmp_path):
    root = shutil.copytree(by_hand, tmp_path / "checkout", symlinks=True)

    def stale_after(*items: str) -> set[str]:
        for item in items:
            done = run_in(root, "-m", "dvc", "repro", "-s", item)
            assert done.returncode == 0, done.stderr
        told = run_in(root, "-m", "dvc", "status", "--json")
        return set(json.loads(told.stdout.splitlines()[-1]))

    with (root / "medhash" / "hashing" / "losses" / "cauchy.py").open("a") as file:
        file.write("# A remark.\n")
    assert stale_after() == {"plan"}
    assert stale_after("plan") == set()
    settings = yaml.safe_load((root / "params.yaml").read_text())
    settings |= {"methods": [*settings["methods"], "itq-1024"], "features": ["gist-512", "gist-1024"]}
    (root / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    gates = {"gate-features", "gate-train", "gate-encode", "gate-index", "gate-evaluate"}
    new = {f"{stage}@itq-1024" for stage in ("train", "encode", "index", "evaluate")}
    assert stale_after("plan") == {"features@gist-1024", *gates, *new, "report"}
    assert stale_after("features@gist-1024", "gate-features") == {*gates - {"gate-features"}, *new, "report"}


def test_an_archive_that_ingest_refuses_leaves_every_output_as_it_was(by_hand):
    everything = digests(by_hand, "images", "split", "labels", *LATER)
    archive = by_hand / "data" / "sample" / "nih" / "images_001.tar.gz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    done = run_in(by_hand, "-m", "dvc", "repro")
    archive.write_bytes(whole)
    assert done.returncode != 0
    assert "images_001.tar.gz" in done.stderr + done.stdout
    assert "Running stage 'gate-ingest'" not in done.stdout
    assert digests(by_hand, "images", "split", "labels", *LATER) == everything
    assert run_in(by_hand, "-m", "dvc", "status", "--quiet").returncode == 0


def test_a_poisoned_archive_stops_at_the_gate_of_labels(by_hand, promoted):
    before, champion = digests(by_hand, *LATER), aliases(by_hand)
    report = sha256_file(Workspace(by_hand).report)
    lose_a_finding(by_hand)
    done = run_in(by_hand, "-m", "dvc", "repro")
    assert done.returncode != 0
    assert "Running stage 'similarity'" not in done.stdout
    failed = [check for check in GateReport.read(Workspace(by_hand).gate("labels")).checks if not check.success]
    assert failed
    for check in failed:
        assert check.expectation in done.stderr + done.stdout
    assert digests(by_hand, *LATER) == before
    assert sha256_file(Workspace(by_hand).report) == report
    assert aliases(by_hand) == champion


@pytest.mark.thorough
def test_both_pages_answer_and_interrupting_them_leaves_no_process(by_hand):
    airflow_port, mlflow_port = free_ports(2)
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "medhash.cli",
            "ui",
            "--airflow-port",
            str(airflow_port),
            "--mlflow-port",
            str(mlflow_port),
        ],
        cwd=by_hand,
        env=checkout_environment(by_hand),
        text=True,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as ui:
        assert ui.stdout is not None
        said = []
        for line in ui.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        family = psutil.Process(ui.pid).children(recursive=True)
        try:
            for port in (airflow_port, mlflow_port):
                with urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=30) as page:
                    assert b"<html" in page.read().lower()
            assert len(family) > 4
        finally:
            ui.send_signal(signal.SIGINT)
        assert ui.wait(60) == 0
    assert [process for process in family if process.is_running()] == [], said
