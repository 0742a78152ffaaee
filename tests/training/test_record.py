import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import small_workspace

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.hashing.model import load_model

ROOT = Path(__file__).parents[2]
PARAMS = """
seed: 7
bits: 16
size_px: 16
methods: [drh-18]
train: {epochs: 2, threads: 1, device: cpu, overrides: {drh-18: {batch_size: 24}}}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from components.train.__main__ import main

    root = tmp_path_factory.mktemp("tracked")
    workspace = small_workspace(root, size_px=16)
    (root / "params.yaml").write_text(PARAMS)
    (root / "dvc.lock").write_text("schema: '2.0'\n")
    # Two processes that make the store at once: each must find it whole.
    rival = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; sys.path.insert(0, "
            f"{str(ROOT)!r}); from medhash.core.tracking import connect; from medhash.core.workspace "
            f"import Workspace; connect(Workspace(Path({str(root)!r})))",
        ],
        stderr=subprocess.PIPE,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        code = main(["--root", str(root), "--method", "drh-18"])
    errors = rival.communicate(timeout=120)[1].decode()
    assert rival.returncode == 0, errors
    assert code == 0
    return workspace


def run_of(workspace: Workspace):
    from medhash.core.tracking import connect, find_run

    client = connect(workspace)
    run_id = find_run(load_model(workspace.model("drh-18")).digest)
    assert run_id is not None
    return client, client.get_run(run_id)


def test_a_run_tells_settings_epochs_and_origins(trained):
    client, run = run_of(trained)
    assert run.info.status == "FINISHED"
    assert run.data.params["batch_size"] == "24"
    assert run.data.params["seed"] == "7"
    assert [metric.step for metric in client.get_metric_history(run.info.run_id, "val_map")] == [1, 2]
    assert {"loss", "nca", "learning_rate", "images_per_s", "data_wait_share", "best_val_map"} <= set(run.data.metrics)
    assert run.data.tags["data_digest"] == load_model(trained.model("drh-18")).spec.data_digest
    assert len(run.data.tags["dvc_lock"]) == 64
    assert run.data.tags["git_commit"]
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["learning_curve.png"]


def test_a_training_is_nested_under_its_retraining_and_names_its_data_by_digests(trained):
    from medhash.core.tracking import RETRAINING

    client, run = run_of(trained)
    parent = client.get_run(run.data.tags["mlflow.parentRunId"])
    assert parent.data.tags[RETRAINING]
    assert parent.info.status == "FINISHED"
    logged = run.inputs.dataset_inputs
    assert {one.dataset.name: len(one.dataset.digest) for one in logged} == {"images": 16, "labels": 16}
    assert not any(str(trained.root) in str(one.dataset.to_dictionary()) for one in logged)


def test_trainings_of_one_retraining_share_a_parent_and_other_settings_have_another(trained, monkeypatch):
    from medhash.core.tracking import connect, experiment, retraining_run

    client = connect(trained)
    of = experiment(client, trained, "nested")
    first = retraining_run(client, trained, of, "bits: 16")
    assert retraining_run(client, trained, of, "bits: 16") == first
    assert retraining_run(client, trained, of, "bits: 32") != first
    monkeypatch.setenv("MEDHASH_AIRFLOW_RUN", "manual__1")
    in_airflow = retraining_run(client, trained, of, "bits: 16")
    assert in_airflow != first
    assert retraining_run(client, trained, of, "bits: 32") == in_airflow


def test_the_store_stays_in_the_workspace_and_out_of_the_environment(trained):
    run_of(trained)
    assert (trained.state / "mlflow" / "artifacts").is_dir()
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_model_nobody_trained_has_no_run(trained):
    from medhash.core.tracking import connect, find_run

    connect(trained)
    assert find_run("f" * 64) is None


def test_a_resumed_training_goes_on_in_its_own_run(trained):
    from components.train.record import recorded
    from medhash.training.deep import TrainingStart

    spec = load_model(trained.model("drh-18")).spec
    row = {"loss": 1.0, "val_map": 0.5}
    with pytest.raises(KeyboardInterrupt), recorded(trained, "resumes", "s" * 64) as (started, _):
        started(TrainingStart(spec, "d" * 64, []))(row, {})
        raise KeyboardInterrupt
    with recorded(trained, "resumes", "s" * 64) as (started, finish):
        started(TrainingStart(spec, "d" * 64, [row]))(row, {})
        finish({"epochs": [row, row], "best_epoch": 0, "model_digest": "e" * 64})
    from medhash.core.tracking import connect

    client = connect(trained)
    experiment = client.get_experiment_by_name("resumes").experiment_id
    runs = client.search_runs([experiment], "attributes.run_name = 'train drh-18'")
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert [metric.step for metric in client.get_metric_history(runs[0].info.run_id, "loss")] == [1, 2]


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path, monkeypatch):
    from medhash.core.tracking import connect

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(MedhashError, match=r"MLflow at http://127\.0\.0\.1:9 does not take the request") as caught:
        connect(Workspace(tmp_path))
    assert "secret" not in str(caught.value)
