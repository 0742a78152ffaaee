"""Metric hashing forest: shallow trees whose splits are learnt to part unlike images; the paths are the code."""

import math
from collections.abc import Mapping

import numpy as np

from medhash.hashing.shallow.linear import Tensors, axis_size, checked, need_images
from medhash.hashing.shallow.similarity import labelled_sample, similar_pairs

DEPTH = 4
"""Bits a tree gives: 15 split nodes, 16 leaves."""
FEATURES_PER_SPLIT = 64
BAG = 0.632
"""Share of the labelled images a tree sees, drawn without replacement: what a bootstrap sample holds."""
RIDGE = 0.1
"""Added to the within-class scatter, as a share of the mean variance: deep nodes hold few images."""


def fit_mhf(features: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Tensors:
    """⌈K/4⌉ trees of depth 4; bit t of a tree is the side of the split that an image meets at level t, 1 where
    wᵀ(x - mean) ≥ θ, w and θ of the node that the earlier bits lead to.

    The last tree gives fewer bits where K is no multiple of 4. Trees see up to 2,000 images in all.
    features: float32, (N, D); labels: multi-hot, (N, C). Raises MedhashError if there are too few images to reach
    every leaf, no two share a label or all do, or for `checked`'s reasons.
    Source: Conjeti et al., Metric Hashing Forests (Medical Image Analysis 2016), for the idea: a forest with
    metric-learnt splits whose leaves are hashed. Deviation: the internals (`grow_tree`, `split_direction`, the path
    as the leaf's code) are ours, the paper's details being open to us.
    """
    exact = checked(features)
    need_images(len(exact), math.ceil(2**DEPTH / BAG), f"a hashing forest of depth {DEPTH}")
    random = np.random.default_rng(seed)
    mean = exact.mean(axis=0)
    rows = labelled_sample(len(exact), random)
    x, similar = (exact - mean)[rows], similar_pairs(labels[rows])
    weights, thresholds = [], []
    for _ in range(math.ceil(bits / DEPTH)):
        bag = np.sort(random.choice(len(x), math.ceil(BAG * len(x)), replace=False))
        tree = grow_tree(x[bag], similar[np.ix_(bag, bag)], DEPTH, random)
        weights.append(tree[0])
        thresholds.append(tree[1])
    return {
        "mean": mean.astype(np.float32),
        "weights": np.stack(weights).astype(np.float32),
        "thresholds": np.stack(thresholds).astype(np.float32),
        "path": np.stack(np.divmod(np.arange(bits), DEPTH), axis=1).astype(np.int32),
    }


def grow_tree(
    x: np.ndarray, similar: np.ndarray, depth: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """w, (2^depth - 1, D), and θ, (2^depth - 1,), of the split nodes in heap order: children of i are 2i+1 and 2i+2.

    A split halves its images, so that bits are balanced. Which side is 1 is free at each node; it is chosen so that
    similar images which parted at an earlier level get equal bits at this one.
    """
    weights, thresholds = np.zeros((2**depth - 1, x.shape[1])), np.zeros(2**depth - 1)
    node = np.zeros(len(x), np.int64)
    affinity = similar - similar.mean()  # sums to 0: dissimilar pairs weigh as much
    for level in range(depth):
        sides = np.zeros(len(x))  # ±1 once an image's node is split
        for index in range(2**level - 1, 2 ** (level + 1) - 1):
            inside = np.flatnonzero(node == index)
            w = split_direction(x[inside], similar[np.ix_(inside, inside)], random)
            threshold = middle(x[inside] @ w)
            side = np.where(x[inside] @ w >= threshold, 1.0, -1.0)
            if side @ (affinity[inside] @ sides) < 0:
                w, threshold = -w, -threshold
                side = np.where(x[inside] @ w >= threshold, 1.0, -1.0)
            sides[inside] = side
            weights[index], thresholds[index] = w, threshold
        node = 2 * node + 1 + (sides > 0)
    return weights, thresholds


def split_direction(x: np.ndarray, similar: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Unit w, (D,), non-zero on up to 64 random features: max wᵀ B w / wᵀ (W + γ I) w.

    W and B: mean of (x_i - x_j)(x_i - x_j)ᵀ over similar and over dissimilar pairs, linear discriminant analysis on
    shared labels. Where a node has no dissimilar (or no similar) pair, B (or W) is the mean over all pairs (or 0).
    0 where the images have equal features: then all of them get bit 1.
    """
    from scipy.linalg import eigh

    chosen = np.sort(random.choice(x.shape[1], min(FEATURES_PER_SPLIT, x.shape[1]), replace=False))
    direction = np.zeros(x.shape[1])
    n_images, local = len(x), x[:, chosen]
    n_similar = int(similar.sum()) - n_images
    n_dissimilar = n_images * (n_images - 1) - n_similar
    every = pair_scatter(local, np.ones((n_images, n_images)))
    ridge = RIDGE * np.trace(every) / (max(n_images * (n_images - 1), 1) * len(chosen))
    if not ridge > 0:
        return direction
    within = pair_scatter(local, similar)
    between = (every - within) / n_dissimilar if n_dissimilar else every
    last = len(chosen) - 1
    w = eigh(between, within / max(n_similar, 1) + ridge * np.eye(len(chosen)), subset_by_index=[last, last])[1][:, 0]
    direction[chosen] = w * np.sign(w[np.abs(w).argmax()]) / np.linalg.norm(w)
    return direction


def pair_scatter(x: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Σ over ordered pairs (i, j) of pairs_ij (x_i - x_j)(x_i - x_j)ᵀ = 2 Xᵀ (diag(pairs·1) - pairs) X, (m, m)."""
    scatter: np.ndarray = 2 * ((x.T * pairs.sum(axis=1)) @ x - x.T @ (pairs @ x))
    return scatter


def middle(values: np.ndarray) -> float:
    """Between the two values that stand at either side of the half, away from both; 0 of fewer than two values."""
    if len(values) < 2:
        return 0.0
    ordered = np.sort(values)
    return float(ordered[len(values) // 2 - 1] + ordered[len(values) // 2]) / 2


def forest_paths(features: np.ndarray, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Relaxed codes wᵀ(x - mean) - θ of the nodes on an image's paths, float32 (N, K), of features (N, D)."""
    n_trees, n_nodes, n_features = tensors["weights"].shape
    flat = (features - tensors["mean"]) @ tensors["weights"].reshape(-1, n_features).T
    margins = flat.reshape(len(features), n_trees, n_nodes) - tensors["thresholds"]
    node = np.zeros((len(features), n_trees), np.int64)
    levels = []
    for _ in range(n_nodes.bit_length()):
        margin = np.take_along_axis(margins, node[:, :, None], axis=2)[:, :, 0]
        levels.append(margin)
        node = 2 * node + 1 + (margin >= 0)
    tree, level = tensors["path"].T
    return np.stack(levels, axis=2)[:, tree, level]


def forest_shapes(tensors: Mapping[str, np.ndarray], n_features: int, bits: int) -> dict[str, tuple[int, ...]]:
    """mean (D,), weights (T, 2^d - 1, D), thresholds (T, 2^d - 1), path (K, 2): tree and level of a bit; d is free."""
    depth = axis_size(tensors, "weights", axis=1).bit_length()
    n_trees, n_nodes = math.ceil(bits / max(depth, 1)), 2**depth - 1
    return {
        "mean": (n_features,),
        "weights": (n_trees, n_nodes, n_features),
        "thresholds": (n_trees, n_nodes),
        "path": (bits, 2),
    }
