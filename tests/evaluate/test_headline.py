"""The few figures that stand first: lift, unseen lift and kNN AUC, then MAP beside its baselines."""

import numpy as np
import pytest
from evaluate.small import N_IMAGES, measured_tables
from evaluate.test_measure import perfect_codes

from medhash.core.params import EvaluateParams
from medhash.retrieval.evaluation.headline import headline_of
from medhash.retrieval.evaluation.measure import measure

N_SHOWN = 12
"""So many columns fit beside a path on a wide terminal."""
SETTINGS = EvaluateParams(bootstrap_samples=50)


@pytest.fixture
def random_codes(tmp_path):
    return measured_tables(tmp_path, np.random.default_rng(5).integers(0, 256, (N_IMAGES, 1), np.uint8))


def test_the_headline_repeats_figures_of_the_metrics_and_fits_a_terminal(random_codes):
    metrics, _ = measure(*random_codes, SETTINGS, seed=0)
    found = headline_of(metrics).model_dump()
    assert len(found) <= N_SHOWN
    assert list(found)[:4] == ["lift", "lift_low", "lift_high", "unseen_lift"]
    assert (found["map"], found["map_chance"]) == (metrics.figures.map, metrics.chance.map)
    assert found["lift"] == metrics.seen.lift.value
    assert found["lift"] == pytest.approx(found["map"] - found["map_permuted"])


def test_random_codes_have_no_lift_in_either_gallery_and_guess_labels(random_codes):
    metrics, _ = measure(*random_codes, SETTINGS, seed=0)
    for found in (metrics.seen, metrics.unseen):
        assert found.lift.value == pytest.approx(0, abs=0.03)
        assert found.knn_auc.value == pytest.approx(0.5, abs=0.15)
    assert metrics.validation_lift == pytest.approx(0, abs=0.05)


def test_codes_that_spell_the_labels_have_lift_everywhere(tmp_path):
    metrics, _ = measure(*measured_tables(tmp_path, perfect_codes()), SETTINGS, seed=0)
    for found in (metrics.seen, metrics.unseen):
        assert found.map == 1
        assert found.lift.low > 0.2
        assert found.knn_auc.value > 0.95
    assert metrics.validation_lift > 0.2
    assert min(part.lift.value for part in metrics.slices["label"].values()) > 0.2


def test_the_unseen_gallery_is_the_cases_of_val_and_test(random_codes):
    metrics, _ = measure(*random_codes, SETTINGS, seed=0)
    folds = random_codes[1].labels["fold"].to_pylist()
    assert metrics.unseen.n_gallery == folds.count("val") + folds.count("test")
    assert metrics.seen.n_gallery == folds.count("train") + folds.count("val")
    assert metrics.seen.n_queries == metrics.unseen.n_queries == folds.count("test")
