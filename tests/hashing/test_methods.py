"""The catalogue: its rows, how settings are overridden, and that reading it needs no torch."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from medhash.core.errors import MedhashError
from medhash.hashing.catalogue import CATALOGUE, alpha_at, find_method, flat_settings, with_overrides
from medhash.hashing.encoders import ENCODERS
from medhash.hashing.method_types import (
    DeepMethod,
    HeadMethod,
    Recipe,
    ShallowMethod,
    StructuredMethod,
    TwoStepMethod,
    Unbinarised,
)
from medhash.hashing.networks.build import build_network
from medhash.hashing.objectives.dmih import DmihObjective
from medhash.hashing.objectives.drh import DrhObjective
from medhash.hashing.objectives.osdh import OsdhObjective
from medhash.hashing.shallow.ksh import fit_ksh, need_for_ksh


def test_reading_the_catalogue_does_not_import_torch() -> None:
    code = "import sys, medhash.hashing.catalogue; sys.exit('torch' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_name_finds_its_own_row_with_a_source() -> None:
    deep = {f"{name}-{layers}" for name in ("dph", "drh", "drh-nq", "drh-nb", "drn-ksh") for layers in (18, 34)}
    of_the_papers = deep | {
        "lsh",
        "itq",
        "cbe",
        "mhf",
        "ksh",
        "a-ksh",
        "v-ksh",
        "dh",
        "sh",
        "ssh",
        "sdh",
        "dsh",
        "hashnet",
        "osdh",
        "osdh-r",
        "osdh-c",
    }
    today = {"csq", "orthohash", "greedyhash", "dpsh", "idhn", "backbone-itq"}
    literal = {"drh-18-paper", "drh-34-paper", "osdh-paper"}
    bags = {f"dmih-{name}" for name in ("max", "mean", "noisy-or", "attention", "si", "nr", "nca")}
    assert of_the_papers | today | literal | bags <= CATALOGUE.keys()
    for name, method in CATALOGUE.items():
        assert find_method(name) is method
        assert method.name == name
        assert method.title
        assert "20" in method.source


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, method in CATALOGUE.items()
        if isinstance(method, DeepMethod | TwoStepMethod) and not isinstance(method, StructuredMethod | HeadMethod)
    ],
)
def test_every_network_takes_a_step_on_its_objective_and_has_the_encoder_it_names(name: str) -> None:
    method = find_method(name)
    deep = method.network if isinstance(method, TwoStepMethod) else method
    assert isinstance(deep, DeepMethod)
    torch.manual_seed(0)
    network = build_network(deep.network, 16)
    objective = deep.objective.build(network.n_outputs, 3)
    outputs = network(torch.rand(4, 1, 64, 64), deep.continuation[0])
    layer = network.hash_layer
    terms = objective(
        outputs,
        torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 0]]),
        torch.zeros(0, 0) if layer is None else layer.weight,
    )
    torch.stack(list(terms.values())).sum().backward()
    moved = [p for p in network.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert len(moved) > 3
    if isinstance(method, TwoStepMethod):
        assert method.encoder in ENCODERS
        assert method.needs is (need_for_ksh if method.fit is fit_ksh else None)
    else:
        assert network.n_outputs == 16


@pytest.mark.parametrize("name", [name for name, method in CATALOGUE.items() if isinstance(method, ShallowMethod)])
def test_every_shallow_row_names_the_encoder_that_reads_what_it_fits(name: str) -> None:
    method = find_method(name)
    assert isinstance(method, ShallowMethod)
    random = np.random.default_rng(0)
    width = int(method.features.removeprefix("gist-"))
    features, labels = random.random((400, width), np.float32), random.integers(0, 2, (400, 3)).astype(np.float32)
    tensors = method.fit(features, labels, 16, 0)
    expected = ENCODERS[method.encoder].shapes(tensors, width, 16)
    assert {name: tensor.shape for name, tensor in tensors.items()} == expected
    assert ENCODERS[method.encoder].relaxed(features[:5], tensors).shape == (5, 16)


def test_an_unbinarised_row_points_to_a_deep_one() -> None:
    for method in CATALOGUE.values():
        if isinstance(method, Unbinarised):
            assert isinstance(find_method(method.of), DeepMethod)


def test_what_pools_bags_has_the_objective_that_takes_them() -> None:
    for method in CATALOGUE.values():
        if isinstance(method, DeepMethod | TwoStepMethod):
            deep = method.network if isinstance(method, TwoStepMethod) else method
            pools = deep.network.get("pooling", "none") != "none"
            assert not pools or isinstance(deep.objective, DmihObjective)
            assert not pools or isinstance(method, DeepMethod)
    assert {name: method.network.get("pooling") for name, method in CATALOGUE.items() if name.startswith("dmih-")} == {
        "dmih-max": "max",
        "dmih-mean": "mean",
        "dmih-noisy-or": "noisy-or",
        "dmih-attention": "attention",
        "dmih-nr": "max",
        "dmih-nca": "max",
        "dmih-si": None,
    }


def test_the_paper_rows_hold_the_papers_settings() -> None:
    drh, osdh = find_method("drh-18-paper"), find_method("osdh-paper")
    assert isinstance(drh, DeepMethod)
    assert isinstance(osdh, DeepMethod)
    assert drh.objective == DrhObjective(
        nca="expected", temperature=1.0, quantization=0.05, balance=0.025, bit_balance="literal", orthogonality=0.01
    )
    assert drh.recipe == Recipe(
        batch_size=128,
        optimizer="sgd",
        learning_rate=1e-2,
        weight_decay=5e-4,
        schedule="plateau",
        momentum=0.9,
        decay=0.1,
    )
    assert osdh.objective == OsdhObjective(ranking=0.1, classification=1.0, margin=5.0, lists="sampled")
    assert osdh.recipe == Recipe(
        batch_size=256,
        optimizer="sgd",
        learning_rate=1e-4,
        weight_decay=0.005,
        schedule="step",
        momentum=0.9,
        decay=0.6,
        step_iterations=10_000,
    )


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MedhashError, match=r"drh-81'; did you mean drh-18 .*\n.*lsh, itq, cbe"):
        find_method("drh-81")


def test_overrides_replace_settings_of_recipe_and_objective_and_nothing_else() -> None:
    method = find_method("osdh")
    changed = with_overrides(method, {"learning_rate": 0.5, "margin": 2})
    assert isinstance(method, DeepMethod)
    assert isinstance(changed, DeepMethod)
    before, after = flat_settings(method), flat_settings(changed)
    assert {key: value for key, value in after.items() if value != before[key]} == {"learning_rate": 0.5, "margin": 2}
    assert with_overrides(method, {}) == method
    assert isinstance(find_method("lsh"), ShallowMethod)


@pytest.mark.parametrize(
    ("name", "overrides", "named"),
    [
        ("drh-18", {"learning_rat": 0.1}, "learning_rat.*\n.*learning_rate"),
        ("drh-18", {"margin": 1.0}, "margin"),
        ("osdh", {"optimizer": "adam"}, "optimizer"),
        ("osdh", {"batch_size": "128"}, "batch_size"),
        ("drh-18", {"temperature": 0.0}, "temperature"),
        ("itq", {"iterations": 5}, "itq has no settings"),
    ],
)
def test_a_wrong_override_is_named(name: str, overrides: dict, named: str) -> None:
    with pytest.raises(MedhashError, match=named):
        with_overrides(find_method(name), overrides)


def test_alpha_takes_each_value_for_an_equal_share_of_training_and_ends_at_the_last() -> None:
    method = find_method("osdh-paper")
    assert isinstance(method, DeepMethod)
    seen = [alpha_at(method, step / 1000) for step in range(1001)]
    assert [seen.count(alpha) for alpha in method.continuation] == [100] * 9 + [101]
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (1, 256)
    drh = find_method("drh-18")
    assert isinstance(drh, DeepMethod)
    assert {alpha_at(drh, progress) for progress in (0.0, 0.5, 1.0)} == {1.0}
