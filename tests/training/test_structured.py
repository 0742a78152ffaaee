"""Structured methods in training: every head learns, each sub-code ranks its own attribute, unseen combinations too."""

import numpy as np
import pytest
import torch
from structured_archive import HELD_OUT, structured_workspace

from medhash.core.errors import MedhashError
from medhash.core.params import EvaluateParams, Params
from medhash.hashing.catalogue import find_method
from medhash.hashing.model import load_model
from medhash.retrieval.code_table import read_codes
from medhash.retrieval.encode import encode_bags, write_codes
from medhash.retrieval.evaluation.measure import measure
from medhash.retrieval.evaluation.tables import Tables
from medhash.training.data import open_pixels, read_data
from medhash.training.deep import make_learner
from medhash.training.processes import Processes
from medhash.training.temperature import fitted_temperature
from medhash.training.train import train_method

METHODS = ("modhash", "indephash", "fuzzhash")
SHORT = {
    "epochs": 22,
    "patience": 99,
    "threads": 1,
    "augment": False,
    "overrides": {method: {"batch_size": 32} for method in METHODS},
}
PARAMS = Params(methods=list(METHODS), bits=24, size_px=32, train=SHORT)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return structured_workspace(tmp_path_factory.mktemp("structured"), n_each=14, held_out=HELD_OUT, unknown=7)


BRIEF = PARAMS.model_copy(update={"train": PARAMS.train.model_copy(update={"epochs": 2})})


def models_of(workspace, params, into):
    threads = torch.get_num_threads()
    for method in METHODS:
        train_method(workspace, params, method, out=into / method)
    torch.set_num_threads(threads)
    return {method: load_model(into / method) for method in METHODS}


@pytest.fixture(scope="module")
def brief(tmp_path_factory):
    """The folder of the models of two epochs."""
    return tmp_path_factory.mktemp("brief")


@pytest.fixture(scope="module")
def briefly_trained(workspace, brief):
    """Method → model after two epochs."""
    return models_of(workspace, BRIEF, brief)


@pytest.fixture(scope="module")
def trained(workspace, tmp_path_factory):
    """Method → model and figures, once it has learnt."""
    found = {}
    for method, model in models_of(workspace, PARAMS, tmp_path_factory.mktemp("trained")).items():
        write_codes(workspace.codes(method), model, encode_bags(workspace, model, confidence=True))
        measured = measure(
            read_codes(workspace.codes(method)), Tables.read(workspace), EvaluateParams(bootstrap_samples=200), seed=7
        )
        found[method] = model, measured.metrics.structured
    return found


@pytest.mark.parametrize("method", METHODS)
def test_every_heads_hash_weights_change_in_training(workspace, briefly_trained, method):
    data = read_data(workspace)
    first = make_learner(
        open_pixels(workspace, 32), PARAMS, find_method(method), data, PARAMS.seed, Processes(torch.device("cpu"), 0, 1)
    ).network.state_dict()
    model = briefly_trained[method]
    layers = sorted(name for name in model.tensors if name.startswith("hash_layer.heads.") and name.endswith("weight"))
    assert len({name.split(".")[2] for name in layers}) == 3
    for name in layers:
        assert np.abs(model.tensors[name] - first[name].numpy()).max() > 1e-2, name


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
def test_each_sub_code_ranks_its_own_attribute_above_chance_and_above_the_other_sub_codes(trained, method):
    model, figures = trained[method]
    assert [part.name for part in model.spec.sub_codes] == ["modality", "organ", "pathology"]
    for attribute in figures.attributes:
        own = figures.sub_codes[attribute][attribute]
        assert own.interval.low > own.chance_map + 0.1
        assert own.map > own.exchanged_map
        for other in figures.sub_codes.keys() - {attribute}:
            assert own.map > figures.sub_codes[other][attribute].map + 0.02, (attribute, other)


@pytest.mark.thorough
def test_independent_encoders_find_combinations_that_nobody_trained_on(trained):
    unseen = trained["indephash"][1].combinations["held out"]
    assert unseen.n_queries >= 5
    assert unseen.interval.low > unseen.chance_map
    assert unseen.map > unseen.exchanged_map


def test_no_training_image_is_of_the_held_out_combination(workspace):
    data = read_data(workspace)
    trained = {data.vocabulary[label] for label in np.flatnonzero(data.folds["train"].labels.any(axis=0))}
    assert not any(name.startswith("mr · breast") for name in trained)
    assert any(name.startswith("mr · breast") for name in data.vocabulary)


def test_rules_are_the_combinations_of_the_train_fold_in_words(briefly_trained):
    model = briefly_trained["fuzzhash"]
    assert "IF modality is ct AND organ is brain AND pathology is glioma" in model.rules
    assert not any("modality is mr AND organ is breast" in rule for rule in model.rules)
    assert briefly_trained["modhash"].rules == []


def certainty_of(model, workspace, fold):
    return model.certainty(open_pixels(workspace, 32)[fold.rows], fold.starts)


def test_memberships_and_firing_levels_sum_to_one(workspace, briefly_trained):
    model = briefly_trained["fuzzhash"]
    certainty = certainty_of(model, workspace, read_data(workspace).folds["train"])
    start = 0
    for attribute in model.spec.attributes:
        part = certainty.membership[:, start : start + len(attribute.values)]
        np.testing.assert_allclose(part.sum(axis=1), 1, atol=1e-5)
        start += len(attribute.values)
    np.testing.assert_allclose(certainty.firing.sum(axis=1), 1, atol=1e-5)


@pytest.mark.thorough
def test_the_fired_rule_is_that_of_the_picture(workspace, trained):
    model, _ = trained["fuzzhash"]
    data = read_data(workspace)
    fold = data.folds["train"]
    own = [
        f"modality is {name.split(' · ')[0]} AND organ is {name.split(' · ')[1]}"
        for name in (data.vocabulary[row.argmax()] for row in fold.labels)
    ]
    fired = [model.rules[row.argmax()] for row in certainty_of(model, workspace, fold).firing]
    assert np.mean([mine in rule for mine, rule in zip(own, fired, strict=True)]) > 0.7


@pytest.mark.usefixtures("briefly_trained")
def test_two_trainings_give_the_same_bytes(workspace, brief, tmp_path):
    train_method(workspace, BRIEF, "fuzzhash", out=tmp_path / "again")
    for name in ("weights.safetensors", "model.json"):
        assert (brief / "fuzzhash" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_the_temperature_makes_memberships_as_sure_as_they_are_right():
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (4000, 3))
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = np.array([random.choice(3, p=row) for row in share])
    has = np.zeros((4000, 3), bool)
    has[np.arange(4000), drawn] = True
    too_sure = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    assert fitted_temperature(too_sure, has) == pytest.approx(3, rel=0.1)
    assert fitted_temperature(share, has) == pytest.approx(1, rel=0.1)
    assert fitted_temperature(share, np.zeros_like(has)) == 1.0


@pytest.mark.parametrize(
    ("method", "widths", "told"),
    [
        ("modhash", {"organ": 24}, "sub_codes names organ; the labels combine modality, organ, pathology"),
        ("modhash", {"modality": 8, "organ": 8, "pathology": 9}, "add up to 25 bits"),
    ],
)
def test_widths_that_do_not_fit_the_data_are_refused_before_training(workspace, method, widths, told):
    with pytest.raises(MedhashError, match=told):
        train_method(workspace, PARAMS.model_copy(update={"sub_codes": widths}), method)


def test_a_structured_method_on_labels_that_combine_nothing_says_what_to_set(tmp_path):
    from builders import small_workspace

    with pytest.raises(MedhashError, match=r"labels are no combinations.*\n.*labels.attribute: combination"):
        train_method(small_workspace(tmp_path), PARAMS, "modhash")
