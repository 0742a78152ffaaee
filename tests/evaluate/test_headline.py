"""The few figures that stand first: those of the metrics, and what permuted labels score."""

import numpy as np
import pytest
from evaluate.small import N_IMAGES, measured_tables

from medhash.core.params import EvaluateParams
from medhash.retrieval.code_table import place_codes
from medhash.retrieval.evaluation import headline
from medhash.retrieval.evaluation.measure import measure

N_SHOWN = 12
"""So many columns fit beside a path on a wide terminal."""


@pytest.fixture
def measured(tmp_path):
    codes, tables = measured_tables(tmp_path, np.random.default_rng(5).integers(0, 256, (N_IMAGES, 1), np.uint8))
    metrics, _ = measure(codes, tables, EvaluateParams(bootstrap_samples=20), seed=0)
    return metrics, place_codes(codes, tables.labels), tables


def test_the_headline_repeats_figures_of_the_metrics_and_fits_a_terminal(measured):
    found = headline.make_headline(*measured, seed=0)
    metrics = measured[0]
    assert len(found.model_dump()) <= N_SHOWN
    assert (found.map, found.map_chance) == (metrics.figures.map, metrics.chance.map)
    assert (found.map_low, found.map_high) == (metrics.intervals["map"].low, metrics.intervals["map"].high)
    assert (found.precision_h2, found.distinct_codes) == (metrics.figures.precision_h2, metrics.n_distinct_codes)


def test_random_codes_score_no_more_than_with_permuted_labels(measured):
    found = headline.make_headline(*measured, seed=0)
    assert found.map_permuted == pytest.approx(found.map, abs=0.1)
    assert found.map_permuted != found.map


def test_the_permuted_label_baseline_is_left_out_of_large_archives(measured, monkeypatch):
    monkeypatch.setattr(headline, "MOST_PAIRS", 10)
    assert headline.make_headline(*measured, seed=0).map_permuted is None
