"""Circulant binary embedding against the full circulant matrix, and its alternation against brute force."""

import itertools

import numpy as np
import pytest
from scipy.linalg import circulant as circulant_matrix

from medhash.hashing.shallow.cbe import ORTHOGONALITY, alternate, best_codes, best_spectrum, circulant, fit_cbe


def images(n_features: int) -> np.ndarray:
    random = np.random.default_rng(0)
    x = random.normal(size=(60, n_features)) @ random.normal(size=(n_features, n_features))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("n_features", [24, 25])
def test_relaxed_codes_are_the_circulant_matrix_times_the_flipped_features(n_features: int) -> None:
    features = images(n_features).astype(np.float32) + 3
    tensors = fit_cbe(features, np.zeros((0, 0)), 16, seed=0)
    matrix = circulant_matrix(tensors["r"].astype(np.float64)) @ np.diag(tensors["signs"])
    np.testing.assert_allclose(
        circulant(features, tensors), ((features - tensors["mean"]) @ matrix.T)[:, :16], atol=1e-5
    )
    assert set(tensors["signs"]) == {-1.0, 1.0}


@pytest.mark.parametrize(("n_features", "bits"), [(24, 16), (25, 16), (24, 24)])
def test_the_objective_is_that_of_the_full_matrix_and_never_rises(n_features: int, bits: int) -> None:
    x, start = images(n_features), np.random.default_rng(1).normal(size=n_features)
    r, values = alternate(x, start, bits, 8)
    matrix = circulant_matrix(r)
    codes = np.where(x @ matrix.T >= 0, 1.0, -1.0)
    codes[:, bits:] = 0
    by_hand = (
        np.square(codes - x @ matrix.T).sum() + ORTHOGONALITY * np.square(matrix @ matrix.T - np.eye(n_features)).sum()
    )
    assert values[-1] == pytest.approx(by_hand)
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(values))
    assert values[-1] < values[1] < values[0]


def test_no_other_spectrum_is_better_for_the_same_codes() -> None:
    x, start = images(24), np.random.default_rng(2).normal(size=24)
    spectrum = np.fft.rfft(x)
    codes, _ = best_codes(x, spectrum, np.fft.rfft(start), 16)

    def objective(r: np.ndarray) -> float:
        matrix = circulant_matrix(r)
        return float(
            np.square(codes - x @ matrix.T).sum() + ORTHOGONALITY * np.square(matrix @ matrix.T - np.eye(24)).sum()
        )

    energy, correlation = np.square(np.abs(spectrum)).sum(axis=0), (spectrum.conj() * np.fft.rfft(codes)).sum(axis=0)
    best = np.fft.irfft(best_spectrum(energy, correlation, ORTHOGONALITY * 24), n=24)
    random = np.random.default_rng(3)
    nearby = [objective(best + random.normal(0, step, 24)) for step in (1e-3, 0.1, 1) for _ in range(50)]
    assert min(nearby) > objective(best)


def test_each_modulus_is_the_root_that_numpy_finds() -> None:
    energy, modulus, weight = np.array([0.1, 3.0, 50.0, 7.0]), np.array([2.0, 1e-3, 40.0, 0.0]), 5.0
    found = np.abs(best_spectrum(energy, modulus.astype(complex), weight))
    for m, c, rho in zip(energy, modulus, found, strict=True):
        roots = np.roots([4 * weight, 0, 2 * m - 4 * weight, -2 * c])
        positive = [0.0] + [root.real for root in roots if abs(root.imag) < 1e-9 and root.real > 0]
        quartic = [m * p**2 - 2 * c * p + weight * (p**2 - 1) ** 2 for p in positive]
        assert rho == pytest.approx(positive[int(np.argmin(quartic))], abs=1e-9)
