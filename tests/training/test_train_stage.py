import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders import small_workspace

from medhash.core.contracts import LABELS, read_table, write_table
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.params import Params, QualityParams, TrainParams
from medhash.hashing.model import load_model
from medhash.training.train import train_method

ROOT = Path(__file__).parents[2]


def params(epochs=3, patience=99, overrides=None, **train):
    settings = {"batch_size": 24} | (overrides or {})
    return Params(
        methods=["drh-18"],
        size_px=16,
        bits=16,
        train=TrainParams(
            epochs=epochs,
            patience=patience,
            threads=1,
            device="cpu",
            overrides={"drh-18": settings, "osdh": {"batch_size": 24}},
            **train,
        ),
    )


@pytest.fixture
def workspace(tmp_path):
    return small_workspace(tmp_path, size_px=16)


def digests(folder):
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("method", ["drh-18", "osdh"])
def test_a_network_learns_what_the_images_show_and_its_history_tells(workspace, method):
    history = train_method(workspace, params(epochs=6), method)
    epochs = history["epochs"]
    assert len(epochs) == 6
    kept = epochs[history["best_epoch"]]
    assert max(row["val_lift"] for row in epochs) == kept["val_lift"] > 0.1
    assert kept["val_map"] > 0.6  # chance: 0.5
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    model = load_model(workspace.model(method))
    assert model.digest == history["model_digest"]
    assert model.relaxed_pixels(np.load(workspace.pixels)[:5]).shape == (5, 16)
    assert not workspace.checkpoint(method).exists()
    assert json.loads((workspace.model(method) / "history.json").read_text())["epochs"] == epochs


@pytest.mark.parametrize("schedule", ["one-cycle", "plateau"])
def test_without_a_val_fold_every_epoch_runs_and_the_last_is_kept(workspace, schedule):
    labels = read_table(workspace.labels, LABELS)
    folds = ["train" if fold == "val" else fold for fold in labels["fold"].to_pylist()]
    write_table(workspace.labels, labels.set_column(2, "fold", pa.array(folds)), LABELS)
    history = train_method(workspace, params(epochs=3, patience=1, overrides={"schedule": schedule}), "drh-18")
    assert (len(history["epochs"]), history["best_epoch"]) == (3, 2)
    assert "val_map" not in history["epochs"][2]
    assert history["epochs"][2]["distinct_codes"] > 1


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        ("methods", {"methods": ["lsh", "drh-81"]}),
        ("quality.references", {"quality": QualityParams(references=["drh-81"])}),
        ("train.overrides", {"train": TrainParams(overrides={"drh-81": {"momentum": 0.5}})}),
    ],
)
def test_a_method_that_a_setting_misspells_is_named_with_the_setting(workspace, setting, change):
    with pytest.raises(MedhashError, match=f"{setting} of params.yaml: there is no hashing method 'drh-81'; did you"):
        train_method(workspace, params().model_copy(update=change), "lsh")
    assert not workspace.model("lsh").exists()


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("drh-18", {"initial_weights": {"drh-81": "w.safetensors"}}, "no hashing method .drh-81.; did you mean drh-18"),
        ("lsh", {"initial_weights": {"lsh": "weights.safetensors"}}, "lsh trains no network"),
        ("drh-18", {"initial_weights": {"drh-18": "weights.safetensors"}}, "weights.safetensors"),
        ("drh-nb-18", {}, "drh-nb-18 is drh-18 before binarising"),
    ],
)
def test_what_names_no_network_is_refused_before_anything_is_trained(workspace, method, settings, message):
    with pytest.raises(MedhashError, match=message):
        train_method(workspace, params(**settings), method)
    assert not workspace.model(method).exists()


def test_training_after_kill_9_ends_with_the_bytes_of_an_undisturbed_one(workspace, tmp_path):
    settings = params(epochs=8, overrides={"schedule": "plateau", "plateau_epochs": 1})
    train_method(workspace, settings, "drh-18", out=tmp_path / "undisturbed")
    script = (
        f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'tests' / 'train'), str(ROOT / 'tests')]!r}\n"
        "from pathlib import Path; from medhash.core.workspace import Workspace\n"
        "from medhash.core.params import Params; from medhash.training.train import train_method\n"
        "import medhash.training.deep as deep, time\n"
        "save = deep.save_checkpoint\n"
        "def slowly(*arguments): save(*arguments); time.sleep(0.3)\n"  # so that the kill meets the middle
        "deep.save_checkpoint = slowly\n"
        f"params = Params.model_validate_json({settings.model_dump_json()!r})\n"
        f"train_method(Workspace(Path({str(tmp_path)!r})), params, 'drh-18')"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    state = workspace.checkpoint("drh-18") / "state.json"
    deadline = time.monotonic() + 60
    while not (state.exists() and len(json.loads(state.read_text())["state"]["history"]) >= 3):
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not workspace.model("drh-18").exists()

    resumed = []
    train_method(
        workspace, settings, "drh-18", on_start=lambda start: resumed.extend(start.history) or (lambda row, speed: None)
    )
    assert 3 <= len(resumed) < 8
    assert digests(workspace.model("drh-18")) == digests(tmp_path / "undisturbed")


def test_another_seed_is_another_model_and_never_takes_up_this_checkpoint(workspace, tmp_path):
    for seed, out in ((1, "a"), (2, "b"), (1, "c")):
        train_method(workspace, params(epochs=1), "drh-18", seed=seed, out=tmp_path / out)
    assert digests(tmp_path / "a") == digests(tmp_path / "c")
    assert digests(tmp_path / "a")["weights.safetensors"] != digests(tmp_path / "b")["weights.safetensors"]


def test_a_loss_that_is_not_finite_stops_with_the_batch_named_and_leaves_the_old_model(workspace):
    train_method(workspace, params(epochs=1), "drh-18")
    before = digests(workspace.model("drh-18"))
    broken = params(epochs=9, overrides={"optimizer": "sgd", "schedule": "step", "learning_rate": 1e30})
    with pytest.raises(
        MedhashError,
        match=r"drh-18: the loss is not finite in epoch \d, batch \d: loss (nan|inf).*nca "
        r".*cases [0-9a-f]{16}, ",
    ):
        train_method(workspace, broken, "drh-18")
    assert digests(workspace.model("drh-18")) == before


def test_patience_ends_a_training_and_the_best_epoch_is_what_is_saved(workspace, tmp_path, monkeypatch):
    figures = iter([0.1, 0.3, 0.2, 0.3, 0.9])
    monkeypatch.setattr("medhash.training.loop._validate", lambda *_: {"val_lift": next(figures)})
    history = train_method(workspace, params(epochs=9, patience=2, overrides={"schedule": "step"}), "drh-18")
    assert [row["val_lift"] for row in history["epochs"]] == [0.1, 0.3, 0.2, 0.3]
    assert history["best_epoch"] == 1
    figures = iter([0.1, 0.3])
    monkeypatch.setattr("medhash.training.loop._validate", lambda *_: {"val_lift": next(figures)})
    train_method(workspace, params(epochs=2, overrides={"schedule": "step"}), "drh-18", out=tmp_path / "two")
    assert digests(workspace.model("drh-18"))["weights.safetensors"] == digests(tmp_path / "two")["weights.safetensors"]


def test_a_val_fold_of_one_patient_gives_no_lift_and_the_error_names_the_ways_out(workspace):
    from medhash.core.contracts import LABELS, read_table, write_table

    table = read_table(workspace.labels, LABELS)
    in_val = np.array(table["fold"].to_pylist()) == "val"
    patients = np.where(in_val, "f" * 16, np.array(table["patient_id"].to_pylist()))
    write_table(workspace.labels, table.set_column(1, "patient_id", [patients.tolist()]), LABELS)
    with pytest.raises(MedhashError, match="give no lift to choose epochs by") as error:
        train_method(workspace, params(epochs=1), "drh-18")
    assert "split.val_share" in error.value.fix
    by_map = params(epochs=1).model_copy(update={"choose_by": "map"})
    assert "val_lift" not in train_method(workspace, by_map, "drh-18")["epochs"][0]


def test_a_shallow_method_is_fitted_on_the_train_fold_alone(workspace, tmp_path):
    random = np.random.default_rng(0)
    gist = random.normal(size=(120, 512)).astype(np.float32)
    workspace.features("gist-512").parent.mkdir(parents=True)
    np.save(workspace.features("gist-512"), gist)
    history = train_method(workspace, params(), "itq", out=tmp_path / "first")
    gist[72:] = random.normal(size=(48, 512))  # patients of val and test
    np.save(workspace.features("gist-512"), gist)
    train_method(workspace, params(), "itq", out=tmp_path / "second")
    assert digests(tmp_path / "first")["weights.safetensors"] == digests(tmp_path / "second")["weights.safetensors"]
    assert len(history["epochs"]) == 1
    assert 0 < history["epochs"][0]["val_map"] < 1


def test_settings_of_params_reach_the_model_card(workspace):
    train_method(workspace, params(epochs=1, overrides={"weight_decay": 0.125}), "drh-18")
    spec = load_model(workspace.model("drh-18")).spec
    assert spec.settings["weight_decay"] == 0.125
    assert spec.settings["batch_size"] == 24
    assert spec.labels == ["Effusion", "Mass", "No Finding"]
