"""The bootstrap draws patients, not queries."""

import numpy as np
import pytest

from components.retrieval.bootstrap import patient_bootstrap


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
    assert means.tolist() == [[0.0, 1.0]]                                  # both a, both b; one of each is 1/4
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
