"""Metric hashing forest: paths worked out by hand on a tiny tree, scatters by plain loops, and what it is for."""

from typing import Any

import numpy as np

from medhash.hashing.shallow.mhf import fit_mhf, forest_paths, grow_tree, pair_scatter, split_direction

# Depth 2: the root asks x ≥ 1; its left child asks y ≥ 2, its right child y ≤ 3 (as -y ≥ -3).
TINY = {
    "mean": np.zeros(2, np.float32),
    "weights": np.array([[[1, 0], [0, 1], [0, -1]]], np.float32),
    "thresholds": np.array([[1, 2, -3]], np.float32),
    "path": np.array([[0, 0], [0, 1]], np.int32),
}


def test_bits_of_a_tiny_tree_are_those_worked_out_by_hand() -> None:
    images = np.array([[0, 0], [0, 5], [4, 0], [4, 5], [1, 3]], np.float32)
    relaxed = forest_paths(images, TINY)
    np.testing.assert_array_equal(relaxed, [[-1, -2], [-1, 3], [3, 3], [3, -2], [0, 0]])
    np.testing.assert_array_equal(relaxed >= 0, [[0, 0], [0, 1], [1, 1], [1, 0], [1, 1]])


def test_the_scatter_of_pairs_equals_a_loop_over_them() -> None:
    random = np.random.default_rng(0)
    x, pairs = random.normal(size=(12, 4)), random.random((12, 12)) < 0.5
    pairs = pairs | pairs.T
    by_loop = sum(np.outer(x[i] - x[j], x[i] - x[j]) for i in range(12) for j in range(12) if pairs[i, j])
    np.testing.assert_allclose(pair_scatter(x, pairs), by_loop)


def test_a_split_finds_the_feature_that_parts_unlike_images_under_louder_noise() -> None:
    random = np.random.default_rng(0)
    group = np.arange(80) % 2
    x = random.normal(0, 1.5, (80, 6))
    x[:, 3] = 2 * group + random.normal(0, 0.1, 80)
    w = split_direction(x, group[:, None] == group, random)
    assert np.abs(w).argmax() == 3
    side = x @ w >= np.median(x @ w)
    assert (side == group).mean() in (0, 1)


def test_a_split_halves_its_images_and_like_images_that_parted_agree_at_the_next_level() -> None:
    # Four groups on the corners of a square; the labels pair them up along x, so that only y tells unlike ones apart.
    random = np.random.default_rng(1)
    corner = np.arange(200) % 4
    x = np.stack([corner % 2, corner // 2], axis=1) * 4 + random.normal(0, 0.3, (200, 2))
    weights, thresholds = grow_tree(x, (corner // 2)[:, None] == corner // 2, 2, random)
    tensors = {"mean": np.zeros(2), "weights": weights[None], "thresholds": thresholds[None], "path": TINY["path"]}
    bits = forest_paths(x, tensors) >= 0
    np.testing.assert_allclose(bits.mean(axis=0), 0.5, atol=0.01)
    assert (bits[:, 0] == (corner // 2 > 0)).mean() in (0, 1)


def test_images_with_equal_features_all_get_bit_one() -> None:
    weights, thresholds = grow_tree(np.ones((6, 3)), np.eye(6, dtype=bool), 2, np.random.default_rng(0))
    assert not weights.any()
    assert not thresholds.any()


def test_a_code_length_that_does_not_fill_the_last_tree_is_its_first_levels(archive: Any) -> None:
    short, full = (fit_mhf(*archive.gallery, bits, 0) for bits in (10, 12))
    codes = [forest_paths(archive.queries.features, tensors) for tensors in (short, full)]
    np.testing.assert_array_equal(codes[0], codes[1][:, :10])


def test_mhf_ranks_shared_labels_above_random_projections(archive: Any, map_of: Any, lsh_map: float) -> None:
    assert map_of(fit_mhf(*archive.gallery, 16, 0), "forest") > lsh_map + 0.2
