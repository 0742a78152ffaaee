"""The catalogue: its rows, how settings are overridden, and that reading it needs no torch."""

import subprocess
import sys

import pytest

from components.errors import MedhashError
from components.hashing.methods import (
    CATALOGUE,
    DeepMethod,
    Recipe,
    ShallowMethod,
    alpha_at,
    find_method,
    settings_of,
    with_overrides,
)
from components.hashing.networks.build import build_network
from components.hashing.objectives.settings import DrhSettings, OsdhSettings


def test_reading_the_catalogue_does_not_import_torch() -> None:
    code = "import sys, components.hashing.methods; sys.exit('torch' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_name_finds_its_own_row_with_a_source() -> None:
    assert {"lsh", "itq", "drh-18", "drh-18-paper", "drh-18-standard", "osdh", "osdh-paper"} <= CATALOGUE.keys()
    for name, method in CATALOGUE.items():
        assert find_method(name) is method
        assert method.name == name
        assert method.title
        assert "20" in method.source


@pytest.mark.parametrize("name", [name for name, method in CATALOGUE.items() if isinstance(method, DeepMethod)])
def test_every_deep_row_builds(name: str) -> None:
    method = find_method(name)
    assert isinstance(method, DeepMethod)
    network = build_network(method.network, 16)
    assert network.hash_layer.weight.shape[0] == 16
    assert method.objective.build(16, 3) is not None


def test_the_paper_rows_hold_the_papers_settings() -> None:
    drh, osdh = find_method("drh-18-paper"), find_method("osdh-paper")
    assert isinstance(drh, DeepMethod)
    assert isinstance(osdh, DeepMethod)
    assert drh.objective == DrhSettings(nca="expected", temperature=1.0, quantization=0.05, balance=0.025,
                                        bit_balance="literal", orthogonality=0.01)
    assert drh.recipe == Recipe(batch_size=128, optimizer="sgd", learning_rate=1e-2, weight_decay=5e-4,
                                schedule="plateau", momentum=0.9, decay=0.1)
    assert osdh.objective == OsdhSettings(ranking=0.1, classification=1.0, margin=5.0, lists="sampled")
    assert osdh.recipe == Recipe(batch_size=256, optimizer="sgd", learning_rate=1e-4, weight_decay=0.005,
                                 schedule="step", momentum=0.9, decay=0.6, step_iterations=10_000)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MedhashError, match=r"drh-81[\s\S]*drh-18, drh-18-paper"):
        find_method("drh-81")


def test_overrides_replace_settings_of_recipe_and_objective_and_nothing_else() -> None:
    method = find_method("osdh")
    changed = with_overrides(method, {"learning_rate": 0.5, "margin": 2})
    assert isinstance(method, DeepMethod)
    assert isinstance(changed, DeepMethod)
    before, after = settings_of(method), settings_of(changed)
    assert {key: value for key, value in after.items() if value != before[key]} == {"learning_rate": 0.5, "margin": 2}
    assert with_overrides(method, {}) == method
    assert isinstance(find_method("lsh"), ShallowMethod)


@pytest.mark.parametrize(("name", "overrides", "named"), [
    ("drh-18", {"learning_rat": 0.1}, "learning_rat.*\n.*learning_rate"),
    ("drh-18", {"margin": 1.0}, "margin"),
    ("osdh", {"optimizer": "adam"}, "optimizer"),
    ("osdh", {"batch_size": "128"}, "batch_size"),
    ("drh-18", {"temperature": 0.0}, "temperature"),
    ("itq", {"iterations": 5}, "itq has no settings"),
])
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
