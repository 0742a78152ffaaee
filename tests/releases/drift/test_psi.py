"""The index itself: by hand, against SciPy, and its behaviour under chance against simulation."""

import math

import numpy as np
import pytest
from scipy.stats import entropy

from medhash.releases.drift.findings import chance_limit, expected_psi, psi

EVEN = np.full(10, 0.1)
SKEWED = np.array([0.36, 0.2, 0.15, 0.1, 0.08, 0.05, 0.03, 0.015, 0.01, 0.005])
"""Like the labels of a chest X-ray archive: a few common, most rare."""


@pytest.mark.parametrize(
    ("p", "q", "n", "expected"),
    [
        ([0.5, 0.5], [0.25, 0.75], 10**12, math.log(3) / 4),  # ¼ ln 2 - ¼ ln ⅔
        ([1.0, 0.0], [0.5, 0.5], 2, math.log(5) / 3),  # ε = ¼: (⅚, ⅙) against (½, ½)
        ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5], 7, 0.0),
    ],
)
def test_psi_is_the_sum_worked_out_by_hand(p: list[float], q: list[float], n: int, expected: float) -> None:
    assert psi(np.array(p), np.array(q), n, n) == pytest.approx(expected, abs=1e-9)


def test_psi_is_the_symmetric_kullback_leibler_divergence_of_scipy() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        p, q = random.dirichlet(np.ones(6), 2)
        smoothed_p, smoothed_q = (p + 1 / 100) / (1 + 6 / 100), (q + 1 / 100) / (1 + 6 / 100)
        assert psi(p, q, 50, 80) == pytest.approx(entropy(smoothed_p, smoothed_q) + entropy(smoothed_q, smoothed_p))
        assert psi(p, q, 50, 80) == pytest.approx(psi(q, p, 80, 50))


def simulated(shares: np.ndarray, n: int, m: int) -> np.ndarray:
    """PSI of 4,000 pairs of samples of one population."""
    random = np.random.default_rng(1)
    return np.array(
        [
            psi(p, q, n, m)
            for p, q in zip(
                random.multinomial(n, shares, 4000) / n, random.multinomial(m, shares, 4000) / m, strict=True
            )
        ]
    )


@pytest.mark.parametrize(("n", "m"), [(400, 400), (300, 3000), (2000, 500)])
def test_without_drift_the_mean_is_what_is_subtracted(n: int, m: int) -> None:
    assert simulated(EVEN, n, m).mean() == pytest.approx(expected_psi(10, n, m), rel=0.06)


@pytest.mark.parametrize("n", [15, 40, 200])
def test_with_rare_bins_and_small_samples_the_mean_is_no_more_than_what_is_subtracted(n: int) -> None:
    assert simulated(SKEWED, n, 1000).mean() <= expected_psi(10, n, 1000)


@pytest.mark.parametrize(
    ("shares", "n", "least"), [(EVEN, 400, 0.035), (EVEN, 40, 0.0), (SKEWED, 15, 0.0), (SKEWED, 300, 0.0)]
)
def test_chance_exceeds_its_limit_no_more_often_than_said(shares: np.ndarray, n: int, least: float) -> None:
    rate = (simulated(shares, n, 1500) > chance_limit(10, n, 1500, 0.05)).mean()
    assert least <= rate <= 0.06


def test_one_bin_cannot_drift() -> None:
    assert psi(np.ones(1), np.ones(1), 5, 5) == expected_psi(1, 5, 5) == chance_limit(1, 5, 5, 0.01) == 0
