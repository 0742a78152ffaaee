"""Locality-sensitive hashing: its collision probability, its determinism, its limits."""

import numpy as np
import pytest

from medhash.core.errors import MedhashError
from medhash.hashing.shallow.linear import project
from medhash.hashing.shallow.lsh import fit_lsh

UNREAD = np.zeros((0, 0), np.float32)


@pytest.mark.parametrize("degrees", [20, 60, 90, 150])
def test_two_images_at_an_angle_share_a_bit_with_the_closed_form_probability(degrees: float) -> None:
    angle = np.deg2rad(degrees)
    pair = np.zeros((2, 1000), np.float32)
    pair[0, 0], pair[1, 0], pair[1, 1] = 1, np.cos(angle), np.sin(angle)
    fits = [fit_lsh(np.concatenate([pair, -pair]), UNREAD, 1000, seed) for seed in range(4)]  # their mean is 0
    bits = np.concatenate([project(pair, tensors) >= 0 for tensors in fits], axis=1)
    expected = 1 - angle / np.pi
    four_errors = 4 * np.sqrt(expected * (1 - expected) / bits.shape[1])
    assert (bits[0] == bits[1]).mean() == pytest.approx(expected, abs=four_errors)


def test_projection_is_gaussian_and_features_are_centred() -> None:
    features = np.random.default_rng(0).normal(3, 2, (50, 200)).astype(np.float32)
    tensors = fit_lsh(features, UNREAD, 100, seed=1)
    np.testing.assert_allclose(project(features, tensors).mean(axis=0), 0, atol=1e-4)
    assert tensors["projection"].mean() == pytest.approx(0, abs=0.03)
    assert tensors["projection"].std() == pytest.approx(1, abs=0.03)
    assert tensors["projection"].dtype == tensors["mean"].dtype == np.float32


@pytest.mark.parametrize(("shape", "problem"), [((5, 8), "16 bits"), ((0, 32), "no features")])
def test_what_cannot_be_fitted_is_refused(shape: tuple[int, int], problem: str) -> None:
    with pytest.raises(MedhashError, match=problem):
        fit_lsh(np.zeros(shape, np.float32), UNREAD, 16, seed=0)
