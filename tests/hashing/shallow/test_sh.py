"""Spectral hashing: on a uniform rectangle its bits are the known eigenfunctions' signs."""

import numpy as np

from medhash.hashing.shallow.sh import eigenfunctions, fit_sh, smallest_modes


def test_bits_of_a_uniform_rectangle_are_the_sine_patterns_of_its_sides() -> None:
    # On 8 × 3 the eigenvalues order as 1/8 < 2/8 < 1/3 < 3/8 < 4/8 < 5/8 < 2/3: mode j along the long or short side.
    # The other five features have next to no range and must not be chosen.
    grid = np.stack(np.meshgrid(np.linspace(0, 8, 81), np.linspace(0, 3, 31)), axis=-1).reshape(-1, 2)
    features = np.zeros((len(grid), 7), np.float32)
    features[:, 4], features[:, 2] = grid.T
    features[:, 0] = 1e-3 * np.sin(np.arange(len(grid)))
    relaxed = eigenfunctions(features, fit_sh(features, np.zeros((0, 0)), 7, seed=0))
    patterns = [
        np.cos(j * np.pi * grid[:, side] / (8, 3)[side])  # sin(π/2 + z) = cos z
        for side, j in [(0, 1), (0, 2), (1, 1), (0, 3), (0, 4), (0, 5), (1, 2)]
    ]
    assert relaxed.shape == (len(grid), 7)
    for bit, pattern in enumerate(patterns):
        inside = np.abs(pattern) > 1e-3
        agreement = ((relaxed[:, bit] >= 0) == (pattern >= 0))[inside].mean()
        assert max(agreement, 1 - agreement) == 1  # a component's sign is free


def test_the_modes_chosen_are_the_smallest_laplacian_eigenvalues_by_brute_force() -> None:
    ranges = np.array([5.0, 0.0, 3.3, 1.2])
    direction, mode = smallest_modes(ranges, 9)
    every = sorted(
        (1 - np.exp(-((0.1 * j * np.pi / width) ** 2) / 2), d, j)
        for d, width in enumerate(ranges)
        if width
        for j in range(1, 60)
    )
    assert list(zip(direction, mode, strict=True)) == [(d, j) for _, d, j in every[:9]]


def test_a_far_image_keeps_to_the_sine_beyond_the_fitted_box() -> None:
    features = np.random.default_rng(0).uniform(size=(200, 4)).astype(np.float32)
    tensors = fit_sh(features, np.zeros((0, 0)), 4, seed=0)
    far = eigenfunctions(features[:5] + 100, tensors)
    v = (features[:5] + 100 - tensors["mean"]) @ tensors["projection"]
    np.testing.assert_allclose(far, np.cos(tensors["frequency"] * (v - tensors["lower"])), atol=1e-4)
