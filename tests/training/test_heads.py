"""Heads: a hash layer learnt on frozen features, whose model encodes pixels by itself."""

import numpy as np
import pytest
from builders import small_workspace
from made_once import own_copy

from medhash.core.documents import FeaturesInfo
from medhash.core.errors import MedhashError
from medhash.core.params import Params, TrainParams
from medhash.core.workspace import Workspace
from medhash.hashing.catalogue import CATALOGUE
from medhash.hashing.method_types import HeadMethod
from medhash.hashing.model import BACKBONE, load_model
from medhash.retrieval.encode import encode_bags, model_inputs
from medhash.retrieval.features import compute_features
from medhash.training.train import train_method

HEADS = [name for name, method in CATALOGUE.items() if isinstance(method, HeadMethod)]
KINDS = ("gist-512", "lite0-224")


def params(name: str, epochs: int = 8) -> Params:
    overrides = {name: {"batch_size": 24, "epochs": epochs}}
    return Params(methods=[name], size_px=32, bits=16, train=TrainParams(threads=1, device="cpu", overrides=overrides))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    def make(root):
        made = small_workspace(root)
        for kind in KINDS:
            compute_features(made, kind, workers=1)

    return Workspace(own_copy(tmp_path_factory, "features-of-small", make))


@pytest.fixture(scope="module")
def trained(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "drh-head"
    return train_method(workspace, params("drh-head"), "drh-head", out=folder), load_model(folder)


@pytest.mark.parametrize("name", HEADS)
def test_every_loss_trains_a_head(workspace, tmp_path, name):
    history = train_method(workspace, params(name, epochs=2), name, out=tmp_path / "model")
    assert len(history["epochs"]) == 2
    assert np.isfinite(history["epochs"][-1]["loss"])
    model = load_model(tmp_path / "model")
    assert (model.spec.family, model.spec.input) == ("head", "gist-512+lite0-224")


def test_it_learns_what_the_images_show_and_two_trainings_are_equal(workspace, trained, tmp_path):
    history, model = trained
    assert history["epochs"][history["best_epoch"]]["val_lift"] > 0.15
    train_method(workspace, params("drh-head"), "drh-head", out=tmp_path / "again")
    assert load_model(tmp_path / "again").digest == model.digest


def test_pixels_and_features_give_equal_codes_and_the_model_carries_its_backbone(workspace, trained):
    _, model = trained
    encoded = encode_bags(workspace, model)
    rows = encoded.members.rows
    pixels = np.load(workspace.pixels)
    assert np.array_equal(model.codes(pixels[rows], np.arange(len(rows) + 1)).bags, encoded.codes)
    assert any(name.startswith(BACKBONE) for name in model.tensors)
    assert model.spec.settings["backbone"] == "efficientnet-lite0"
    assert len(str(model.spec.settings["backbone_sha256"])) == 64


def test_the_reduction_is_fitted_to_the_train_fold_alone(workspace, trained, tmp_path):
    def make(root):
        made = small_workspace(root)
        for kind in KINDS:
            compute_features(made, kind, workers=1)
            features = np.load(made.features(kind))
            features[72:] += 1  # patients of val and test
            np.save(made.features(kind), features)

    other = tmp_path / "other"
    other.mkdir()
    make(other)
    train_method(Workspace(other), params("drh-head"), "drh-head", out=tmp_path / "model")
    moved = load_model(tmp_path / "model").tensors
    for name, tensor in trained[1].tensors.items():
        if name.startswith(("trunk.mean", "trunk.projection")):
            assert np.array_equal(moved[name], tensor), name


def test_features_of_other_weights_are_refused_in_training_and_in_encoding(workspace, trained, tmp_path):
    info = workspace.features_info("lite0-224")
    right = info.read_bytes()
    FeaturesInfo(kind="lite0-224", weights_sha256="f" * 64).write(info)
    try:
        for refused in (
            lambda: train_method(workspace, params("drh-head", epochs=1), "drh-head", out=tmp_path / "model"),
            lambda: model_inputs(workspace, trained[1].spec, 1),
        ):
            with pytest.raises(MedhashError, match="were made with weights ffffffffffffffff") as error:
                refused()
            assert "run the features stage" in error.value.fix
    finally:
        info.write_bytes(right)


def test_features_that_are_not_there_are_named_with_the_setting(tmp_path):
    workspace = small_workspace(tmp_path)
    with pytest.raises(MedhashError, match=r"gist-512\.npy does not exist") as error:
        train_method(workspace, params("drh-head"), "drh-head")
    assert "`features` of params.yaml" in error.value.fix
