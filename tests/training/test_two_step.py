"""Two-step methods: a network, then an encoder on what it makes of an image, saved and used as one model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import small_workspace
from safetensors.torch import save_file

from medhash.core.contracts import LABELS, read_table
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.params import Params, TrainParams
from medhash.core.workspace import Workspace
from medhash.hashing.codes import binarise
from medhash.hashing.method_types import DeepMethod, Recipe, TwoStepMethod
from medhash.hashing.model import load_model, save_model
from medhash.hashing.networks.build import build_network
from medhash.hashing.objectives.classify import ClassifyObjective
from medhash.hashing.objectives.drh import DrhObjective
from medhash.hashing.shallow.itq import fit_itq
from medhash.hashing.shallow.ksh import fit_ksh
from medhash.retrieval.encode import encode_bags
from medhash.training import deep
from medhash.training.train import train_method

NAME = "two-step"
RESIDUAL = {"kind": "residual", "depth": 18, "width": "paper", "stem": "small", "code_norm": "batch"}
RECIPE = Recipe(batch_size=24, optimizer="adamw", learning_rate=4e-3, weight_decay=0.05, schedule="one-cycle")
NCA_ONLY = DeepMethod(
    NAME,
    "J_S, then ITQ",
    "none",
    RESIDUAL,
    DrhObjective(nca="log", temperature=0.25, temperature_per_bit=True, quantization=0, balance=0, orthogonality=0),
    RECIPE,
)
CLASSIFIED = replace(NCA_ONLY, network=RESIDUAL | {"head": "embedding"}, objective=ClassifyObjective())
METHODS = {
    "hash head": TwoStepMethod(NCA_ONLY, fit_itq, "linear"),
    "embedding": TwoStepMethod(CLASSIFIED, fit_itq, "linear"),
    "frozen": TwoStepMethod(CLASSIFIED, fit_itq, "linear", frozen=True),
}


def params(epochs: int = 4, **train: object) -> Params:
    return Params(
        methods=["itq"], size_px=16, bits=16, train=TrainParams(epochs=epochs, threads=1, device="cpu", **train)
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return small_workspace(tmp_path / "workspace", size_px=16)


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch):
    """Let the train stage find a method that is not in the catalogue."""
    return lambda method: monkeypatch.setattr("medhash.training.train.find_method", lambda name: method)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("kind", METHODS)
def test_what_was_trained_is_what_encodes(workspace: Workspace, tmp_path: Path, offer, kind: str) -> None:
    offer(METHODS[kind])
    history = train_method(workspace, params(), NAME)
    model = load_model(workspace.model(NAME))
    assert (model.spec.family, model.spec.coder, model.spec.settings["frozen"]) == (
        "two-step",
        "linear",
        kind == "frozen",
    )
    width = 16 if kind == "hash head" else 32
    assert model.tensors["coder.projection"].shape == (width, 16)
    assert model.digest == history["model_digest"]

    network = build_network(model.spec.network, 16, size_px=16).eval()
    network.load_state_dict(
        {
            name.removeprefix("network."): torch.from_numpy(array)
            for name, array in model.tensors.items()
            if name.startswith("network.")
        }
    )
    encoded = encode_bags(workspace, model)
    folds, packed = encoded.folds, encoded.codes
    with torch.no_grad():  # the pixel store has the images in the order of their ids
        outputs = network(torch.from_numpy(np.load(workspace.pixels)).float() / 255).numpy()
    by_hand = (outputs - model.tensors["coder.mean"]) @ model.tensors["coder.projection"]
    assert (packed == binarise(by_hand)).mean() > 0.999  # batches of another size round differently
    assert len(packed) == 120

    fitted = fit_itq(outputs[[fold == "train" for fold in folds]], np.zeros((72, 3), np.float32), 16, 0)
    np.testing.assert_allclose(fitted["mean"], model.tensors["coder.mean"], atol=1e-5)  # of the train fold alone
    epochs = history["epochs"]
    assert len(epochs) == (1 if kind == "frozen" else 5)
    assert history["best_epoch"] == len(epochs) - 1
    assert "loss" not in epochs[-1]
    assert 0.5 < epochs[-1]["val_map"] <= 1 or kind == "frozen"  # chance: 0.5
    assert not workspace.checkpoint(NAME).exists()

    train_method(workspace, params(), NAME, out=tmp_path / "again")
    assert digests(tmp_path / "again") == digests(workspace.model(NAME))


def test_ksh_on_an_embedding_finds_the_labels(tmp_path: Path, offer) -> None:
    workspace = small_workspace(tmp_path, n_patients=130, size_px=16)  # KSH draws 300 anchors of the train fold
    offer(TwoStepMethod(CLASSIFIED, fit_ksh, "kernel"))
    history = train_method(workspace, params(epochs=3), NAME)
    model = load_model(workspace.model(NAME))
    assert model.tensors["coder.anchors"].shape == (300, 32)
    assert history["epochs"][-1]["val_map"] > 0.9
    encoded = encode_bags(workspace, model)
    folds, packed = encoded.folds, encoded.codes
    sets = read_table(workspace.labels, LABELS)["set_id"].to_numpy()
    bits = np.unpackbits(packed, axis=1).astype(int)
    near = np.abs(bits[:, None] - bits[None]).sum(axis=2)
    test, same = np.array(folds) == "test", sets[:, None] == sets
    assert near[test][same[test]].mean() < 0.5 * near[test][~same[test]].mean()


@pytest.mark.parametrize("kind", ["hash head", "embedding"])
def test_an_interrupted_network_goes_on_and_ends_with_the_same_bytes(
    workspace: Workspace, tmp_path: Path, offer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    offer(METHODS[kind])
    train_method(workspace, params(), NAME, out=tmp_path / "undisturbed")
    save, saves = deep.save_checkpoint, []

    def interrupted(*arguments: object) -> None:
        save(*arguments)
        saves.append(1)
        if len(saves) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(deep, "save_checkpoint", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_method(workspace, params(), NAME)
    assert not workspace.model(NAME).exists()
    heard: list[dict[str, float]] = []

    def started(start: deep.TrainingStart):
        assert (start.spec.family, len(start.history)) == ("two-step", 2)
        return lambda row, speed: heard.append(row)

    history = train_method(workspace, params(), NAME, on_start=started)
    assert heard == history["epochs"][2:]
    assert digests(workspace.model(NAME)) == digests(tmp_path / "undisturbed")


def test_an_encoder_that_fails_leaves_the_trained_network_for_the_next_attempt(workspace: Workspace, offer) -> None:
    offer(TwoStepMethod(CLASSIFIED, fit_ksh, "kernel"))
    with pytest.raises(MedhashError, match="300 training images"):
        train_method(workspace, params(), NAME)
    resumed: list[dict[str, float]] = []
    offer(METHODS["embedding"])
    train_method(
        workspace, params(), NAME, on_start=lambda start: resumed.extend(start.history) or (lambda row, speed: None)
    )
    assert len(resumed) == 4


def test_too_few_images_for_ksh_are_refused_before_the_network_is_trained(workspace: Workspace) -> None:
    heard: list[object] = []
    with pytest.raises(MedhashError, match="300 training images, but there are 72"):
        train_method(workspace, params(), "drn-ksh-18", on_start=lambda start: heard.append(start) or print)
    assert not heard
    assert not workspace.checkpoint("drn-ksh-18").exists()


def test_a_frozen_network_is_the_one_of_the_file(workspace: Workspace, tmp_path: Path, offer) -> None:
    offer(METHODS["frozen"])
    torch.manual_seed(5)
    trunk = build_network(RESIDUAL, 16).trunk.state_dict()
    save_file(trunk, tmp_path / "start.safetensors")
    rows: list[dict[str, float]] = []
    settings = params(initial_weights={NAME: str(tmp_path / "start.safetensors")})
    history = train_method(workspace, settings, NAME, on_start=lambda start: lambda row, speed: rows.append(row))
    model = load_model(workspace.model(NAME))
    assert all(np.array_equal(model.tensors[f"network.trunk.{name}"], tensor.numpy()) for name, tensor in trunk.items())
    assert model.spec.settings["initial_weights"] == sha256_file(tmp_path / "start.safetensors")
    assert model.spec.settings["epochs"] == 0
    assert rows == history["epochs"]
    (tmp_path / "start.safetensors").unlink()
    with pytest.raises(MedhashError, match=r"start\.safetensors do not exist"):
        train_method(workspace, settings, NAME)


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("coder.projection", lambda array: array[:, :8], r"coder\.projection: expected \(32, 16\), found \(32, 8\)"),
        (
            "network.trunk.stem.0.weight",
            lambda array: array[:4],
            r"stem\.0\.weight: expected \(8, 1, 3, 3\), found \(4, ",
        ),
        ("coder.mean", lambda array: None, r"coder\.mean: expected \(32,\), found no such tensor"),
        ("hash_layer.bias", lambda array: np.zeros(16, np.float32), r"hash_layer\.bias: expected no such tensor"),
    ],
)
def test_tensors_of_either_step_that_do_not_fit_are_named(
    workspace: Workspace, offer, name: str, change, problem: str
) -> None:
    offer(METHODS["frozen"])
    train_method(workspace, params(), NAME)
    model = load_model(workspace.model(NAME))
    changed = change(model.tensors.get(name))
    tensors = {key: array for key, array in model.tensors.items() if key != name}
    with pytest.raises(MedhashError, match=problem):
        save_model(workspace.model(NAME), model.spec, tensors | ({} if changed is None else {name: changed}))
