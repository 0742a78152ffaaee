"""A second clone as another machine: it works on one item through the shared remote, and nothing is computed twice."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checkout import checkout_environment, run_in
from machines import run_medhash, running_in

from medhash.core.files import sha256_file
from medhash.platform.worker.publish import publish
from medhash.platform.worker.work import collect, work


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir())}


@pytest.mark.usefixtures("one_mlflow")
def test_what_a_worker_did_the_coordinator_collects_without_computing_it(coordinator, tmp_path, monkeypatch):
    """In this process and its environment; another machine's own environment is thorough."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", os.environ["MEDHASH_TEST_MLFLOW"])
    monkeypatch.setenv("PYTHONPATH", str(coordinator.root))
    monkeypatch.chdir(coordinator.root)  # the run-cache names files from where one stands
    said: list[str] = []
    commit = publish(coordinator.root, ["train@lsh"], None, said.append).commit
    work(str(coordinator.root), commit, "train@lsh", tmp_path / "scratch", f"store={coordinator.store}", said.append)
    assert "Running stage 'train@lsh':" in said
    fetched = tmp_path / "scratch" / "items" / "train@lsh" / "data" / "derived"
    assert not (fetched / "images" / "rejected.parquet").exists(), "only what the item reads is fetched"
    said.clear()
    collect(coordinator.root, "train@lsh", said.append)
    assert "Stage 'train@lsh' is cached - skipping run" in "\n".join(said)
    assert not any(line.startswith("Running stage") for line in said)
    assert digests(coordinator.root / "data" / "derived" / "models" / "lsh") == digests(fetched / "models" / "lsh")


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.usefixtures("one_mlflow")
def test_another_machine_trains_and_the_coordinator_retrains_nothing(coordinator, machine, tmp_path):
    before = (
        coordinator.git("status", "--porcelain"),
        coordinator.git("rev-parse", "HEAD"),
        coordinator.git("diff", "--cached", "--name-only"),
    )
    commit = coordinator.published()
    assert (
        coordinator.git("status", "--porcelain"),
        coordinator.git("rev-parse", "HEAD"),
        coordinator.git("diff", "--cached", "--name-only"),
    ) == before

    done = machine.work("train@osdh", commit)
    assert done.returncode == 0, done.stderr
    assert "Running stage 'train@osdh'" in done.stderr
    clone = machine.clone("train@osdh")
    fetched = {
        path.relative_to(clone / "data" / "derived").as_posix()
        for path in (clone / "data" / "derived").rglob("*")
        if path.is_file()
    }
    assert "images/rejected.parquet" not in fetched, "only what the item reads is fetched"
    assert {
        "images/pixels.npy",
        "labels/vocabulary.json",
        "passed/features/osdh.json",
        "plan/train/osdh.json",
    } <= fetched
    assert not {"plan/train/lsh.json", "features/gist-512.npy"} & fetched, "nothing of what another method reads"

    second = machine.work("train@osdh", commit, folder=str(machine.folder / "other scratch"))
    assert "Stage 'train@osdh' is cached - skipping run" in second.stderr, "what one machine computed, no other does"
    assert "Running stage" not in second.stderr

    twin = shutil.copytree(coordinator.root, tmp_path / "twin", symlinks=True)
    done = run_in(twin, "-m", "dvc", "repro", "--pull", "--single-item", "train@osdh")
    assert "Stage 'train@osdh' is cached - skipping run" in done.stdout, "a plain repro finds it too"
    collected = coordinator.medhash("work", "--collect", "--item", "train@osdh")
    assert collected.returncode == 0, collected.stderr
    assert "Stage 'train@osdh' is cached - skipping run" in collected.stderr
    assert "Running stage" not in collected.stderr
    again = run_in(coordinator.root, "-m", "dvc", "repro", "--single-item", "train@osdh")
    assert "didn't change, skipping" in again.stdout

    here = digests(coordinator.root / "data" / "derived" / "models" / "osdh")
    assert here == digests(clone / "data" / "derived" / "models" / "osdh")
    local = run_medhash(coordinator.root, "train", "--method", "osdh", "--out", str(tmp_path / "local"))
    assert local.returncode == 0, local.stderr
    assert here == digests(tmp_path / "local"), "what a training here gives, byte by byte"

    encoded = machine.medhash("encode", "--method", "osdh", "--root", str(clone))
    assert "120 images as 32-bit codes by osdh" in encoded.stdout, encoded.stderr


@pytest.mark.usefixtures("one_mlflow")
def test_the_gpu_image_holds_nothing_that_training_does_not_need(image, machine):
    python, program = image
    script = """
import importlib.util
for name in ("airflow", "great_expectations", "faiss", "sklearn", "cv2", "kubernetes", "pytest"):
    assert importlib.util.find_spec(name) is None, name
import medhash.commands.work, dvc, torch
"""
    done = subprocess.run(
        [str(python), "-c", script],
        cwd=machine.folder,
        env=checkout_environment(program),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for command in ("work", "train", "encode"):
        assert "usage: medhash" in machine.medhash(command, "--help").stdout


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.usefixtures("one_mlflow")
def test_a_worker_killed_in_the_middle_goes_on_when_started_again(coordinator, machine):
    commit = coordinator.published()
    command = [str(machine.python), "-m", "medhash.cli", *machine.command("train@osdh", commit)]
    with subprocess.Popen(
        command,
        cwd=machine.folder,
        env=machine.environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("> python -m components.train"):
                break
        time.sleep(1)
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
    clone = machine.clone("train@osdh")
    (clone / ".git" / "index.lock").touch()
    assert running_in(clone), "what it started is left running, as after a real kill"
    again = through_airflow(machine, "train", "train@osdh")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"PUBLISHED {commit}" in again.stdout
    assert "Stage 'train@osdh' is cached - skipping run" in again.stdout.partition("done and pushed")[2]
    assert not running_in(clone)
    assert digests(clone / "data" / "derived" / "models" / "osdh") == digests(
        coordinator.root / "data" / "derived" / "models" / "osdh"
    )


def through_airflow(machine, stage: str, item: str) -> subprocess.CompletedProcess[str]:
    """The operators of the DAG, with what a GPU machine's environment tells them."""
    root = machine.coordinator.root
    told = {
        "MEDHASH_WORK_REPOSITORY": str(root),
        "MEDHASH_WORK_FOLDER": str(machine.scratch),
        "MEDHASH_WORK_REMOTE": f"store={machine.coordinator.store}",
        "AIRFLOW_HOME": str(machine.folder / "airflow"),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "MLFLOW_TRACKING_URI": os.environ["MEDHASH_TEST_MLFLOW"],
    }
    return subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run_operators.py")), str(root), stage, item],
        env=checkout_environment(root) | told,
        text=True,
        capture_output=True,
        check=False,
    )
