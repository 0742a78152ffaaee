"""Histograms of patients: each counts once, and what the baseline never saw has a place."""

import numpy as np
import pytest

from medhash.releases.drift.histogram import OTHER_BIN, Sample, by_category, by_quantile, sample_of


def numbers(values: list[float]) -> Sample:
    """One image each of as many patients."""
    return sample_of(np.array(values, float), np.ones(len(values)), np.arange(len(values)))


def test_a_patient_counts_once_however_many_images_it_has() -> None:
    views = np.array(["AP", "AP", "AP", "PA", "PA"])
    spread = sample_of(views, np.ones(5), np.array([7, 7, 7, 7, 9]))  # ¾ and ¼ of 7, all of 9
    histogram = by_category(spread)
    assert (histogram.names, histogram.patients) == (["AP", "PA", OTHER_BIN], [0.75, 1.25, 0.0])
    assert (histogram.n_images, histogram.n_patients) == (5, 2)
    assert histogram.shares.sum() == 1


def test_an_image_with_two_labels_is_half_of_each() -> None:
    labels = np.array(["Mass", "Effusion", "Mass"])
    histogram = by_category(sample_of(labels, np.array([0.5, 0.5, 1.0]), np.array([1, 1, 1])), ("Effusion", "Mass"), 0)
    assert (histogram.patients, histogram.n_images) == ([0.25, 0.75, 0.0], 2)


def test_ten_intervals_hold_a_tenth_each() -> None:
    histogram = by_quantile(numbers(list(range(1, 101))))
    assert histogram.edges == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert histogram.patients == [10] * 10
    assert histogram.bins()[0] == "≤ 10"
    assert histogram.bins()[-1] == "> 90"


@pytest.mark.parametrize(("values", "edges"), [([4] * 10, [4]), ([0] * 5 + [3] * 5, [0, 3]), ([2.5], [2.5])])
def test_repeated_values_make_fewer_intervals_and_leave_one_for_what_lies_above(
    values: list[float], edges: list[float]
) -> None:
    histogram = by_quantile(numbers(values))
    assert histogram.edges == edges
    assert histogram.patients[-1] == 0
    assert histogram.refilled(numbers([99, 99])).patients[-1] == 2


def test_a_sample_falls_into_its_own_bins_as_it_did() -> None:
    random = np.random.default_rng(0)
    spread = sample_of(random.normal(size=300), np.ones(300), random.integers(0, 90, 300))
    assert by_quantile(spread).refilled(spread) == by_quantile(spread)
    by_brute_force = np.histogram(
        spread.values, [-np.inf, *by_quantile(spread).edges, np.inf], weights=spread.patients
    )[0]
    assert by_quantile(spread).patients == pytest.approx(by_brute_force, abs=1)  # NumPy's ends are exclusive


def test_what_the_baseline_never_saw_is_counted_but_not_named() -> None:
    baseline = by_category(sample_of(np.array(["PA", "AP"]), np.ones(2), np.arange(2)))
    new = baseline.refilled(sample_of(np.array(["PA", "Poe^Edgar"]), np.ones(2), np.arange(2)))
    assert (new.names, new.patients) == (["AP", "PA", OTHER_BIN], [0, 1, 1])


def test_rare_categories_share_the_bin_of_others() -> None:
    values = np.array([f"v{number:02}" for number in range(30) for _ in range(1 + (number < 20))])
    histogram = by_category(sample_of(values, np.ones(len(values)), np.arange(len(values))))
    assert histogram.names == [*(f"v{number:02}" for number in range(20)), OTHER_BIN]
    assert histogram.patients == [2.0] * 20 + [10.0]
