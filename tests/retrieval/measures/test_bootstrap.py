"""The bootstrap draws patients, not queries."""

import numpy as np
import pytest

from medhash.retrieval.measures.bootstrap import paired_bootstrap, patient_bootstrap


def test_queries_of_one_patient_are_drawn_together():
    # Each patient's mean is 1/2, so every resample's is: queries drawn singly would spread.
    values = np.tile([0.0, 1.0], 20)[:, None]
    together = patient_bootstrap(values, np.repeat(np.arange(20), 2), 200, seed=0)
    singly = patient_bootstrap(values, np.arange(40), 200, seed=0)
    assert together.tolist() == [[0.5, 0.5]]
    assert singly[0, 1] - singly[0, 0] > 0.2


def test_the_interval_has_the_width_that_theory_gives_for_independent_patients():
    values = np.random.default_rng(0).normal(0.3, 0.1, (400, 1))
    low, high = patient_bootstrap(values, np.arange(400), 4000, seed=1)[0]
    half_width = 1.96 * values.std() / np.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half_width, values.mean() + half_width), abs=8e-4)


def test_patients_with_many_queries_weigh_as_many_in_a_resample():
    values, patients = np.array([[0.0], [0.0], [0.0], [1.0]]), np.array(["a", "a", "a", "b"])
    means = patient_bootstrap(values, patients, 2000, seed=0)
    assert means.tolist() == [[0.0, 1.0]]  # both a, both b; one of each is 1/4
    assert patient_bootstrap(values, patients, 1, seed=0)[0, 0] in (0.0, 0.25, 1.0)


def test_a_missing_value_stands_outside_the_mean_and_a_column_of_them_has_no_interval():
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [1.0, np.nan]])
    intervals = patient_bootstrap(values, np.arange(3), 100, seed=0)
    assert intervals[0].tolist() == [1.0, 1.0]
    assert np.isnan(intervals[1]).all()


def test_equal_seeds_give_equal_intervals_and_others_do_not():
    values, patients = np.random.default_rng(0).random((30, 2)), np.repeat(np.arange(10), 3)
    first, again, other = (patient_bootstrap(values, patients, 50, seed) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_a_chunk_of_draws_more_or_less_changes_nothing(monkeypatch):
    values, patients = np.random.default_rng(0).random((90, 3)), np.repeat(np.arange(30), 3)
    whole = patient_bootstrap(values, patients, 40, 1)
    monkeypatch.setattr("medhash.retrieval.measures.bootstrap._CHUNK_DRAWS", 100)
    assert (patient_bootstrap(values, patients, 40, 1) == whole).all()


def test_resamples_are_means_over_all_queries_of_the_patients_drawn():
    random = np.random.default_rng(5)
    values, patients = random.random((25, 1)), random.integers(0, 9, 25)
    names = np.unique(patients)
    draws, means = np.random.default_rng(2), []
    for _ in range(60):
        drawn = names[draws.integers(0, len(names), len(names))]
        means.append(np.mean([value for name in drawn for value in values[patients == name, 0]]))
    assert patient_bootstrap(values, patients, 60, 2)[0] == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=1e-12)


def test_a_paired_difference_is_told_apart_where_the_methods_own_spread_would_hide_it():
    random = np.random.default_rng(0)
    hardness = random.random((300, 1))  # queries differ far more than methods do
    better, worse = hardness + 0.02 + random.normal(0, 0.05, (300, 1)), hardness + random.normal(0, 0.05, (300, 1))
    found = paired_bootstrap(better, worse, np.arange(300), 999, seed=1)
    assert found.mean[0] == pytest.approx((better - worse).mean())
    assert 0 < found.low[0] < found.mean[0] < found.high[0]
    assert found.p_value[0] == 2 / 1000
    back = paired_bootstrap(worse, better, np.arange(300), 999, seed=1)
    assert (back.mean[0], back.p_value[0]) == (-found.mean[0], found.p_value[0])
    assert (back.low[0], back.high[0]) == pytest.approx((-found.high[0], -found.low[0]))


def test_the_p_value_is_below_a_twentieth_in_a_twentieth_of_the_cases_without_a_difference():
    random = np.random.default_rng(3)
    a, b = random.normal(size=(2, 60, 500))  # 500 comparisons of 60 patients
    p_values = paired_bootstrap(a, b, np.arange(60), 400, seed=0).p_value
    assert (p_values < 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert p_values.mean() == pytest.approx(0.5, abs=0.06)


def test_equal_methods_differ_by_nothing_and_a_measure_without_values_has_no_difference():
    a = np.array([[0.5, np.nan], [0.7, 1.0], [np.nan, np.nan]])
    b = np.array([[0.5, 1.0], [0.7, np.nan], [0.1, np.nan]])
    found = paired_bootstrap(a, b, np.arange(3), 50, seed=0)
    assert (found.mean[0], found.low[0], found.high[0], found.p_value[0]) == (0, 0, 0, 1)
    assert all(np.isnan(part[1]) for part in found)
    with pytest.raises(ValueError, match="shapes"):
        paired_bootstrap(a, b[:2], np.arange(3), 50, seed=0)
