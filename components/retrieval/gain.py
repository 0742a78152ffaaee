"""NDCG@p and ACG@p of a ranking with ties, expected over random tie order."""

import numpy as np


def ndcg(histogram: np.ndarray, p: int) -> np.ndarray:
    """NDCG@p = (1/Z) Σ_{i≤p} (2^{level_i} - 1) / log2(1 + i), expected over random tie order.

    histogram: int64, (Q, K + 1, L + 1) of `relevance_histogram`. Z is the same sum over the whole gallery in ideal
    order, never over the retrieved items only. Each of a group of tied items has the group's mean gain in
    expectation; a list shorter than p is taken whole. Returns float64, (Q,) in [0, 1], NaN where nothing is relevant.
    Source: Order-Sensitive Deep Hashing, §3; ties as in McSherry & Najork 2008, §2.4. The base of the logarithm
    cancels.
    """
    gains = 2.0 ** np.arange(histogram.shape[2]) - 1
    count = histogram.sum(axis=2)
    discount = np.concatenate([[0.0], np.cumsum(1 / np.log2(1 + np.arange(1, p + 1)))])
    found = (_mean(histogram @ gains, count) * _per_group(discount, count)).sum(axis=1)
    by_level = histogram.sum(axis=1)[:, ::-1]                                               # (Q, L + 1), highest first
    # Not a BLAS product: its rounding can depend on the number of threads, and equal input must give equal bytes.
    ideal = (_per_group(discount, by_level) * gains[::-1]).sum(axis=1)
    return np.divide(found, ideal, out=np.full(len(ideal), np.nan), where=ideal > 0)


def acg(histogram: np.ndarray, p: int) -> np.ndarray:
    """ACG@p = (1/p) Σ_{i≤p} level_i, expected over random tie order.

    histogram: as above. Returns float64, (Q,). Source: Order-Sensitive Deep Hashing, §3. Deviation: a list shorter
    than p is averaged over its own length (0 if it is empty).
    """
    count = histogram.sum(axis=2)
    places = _per_group(np.arange(p + 1), count)
    total = (_mean(histogram @ np.arange(histogram.shape[2]), count) * places).sum(axis=1)
    return _mean(total, places.sum(axis=1))


def _per_group(cumulative: np.ndarray, count: np.ndarray) -> np.ndarray:
    """What each group's places within the first p weigh: cumulative[end] - cumulative[start], both cut at p."""
    end = np.cumsum(count, axis=1)
    p = len(cumulative) - 1
    weights: np.ndarray = cumulative[np.minimum(end, p)] - cumulative[np.minimum(end - count, p)]
    return weights


def _mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    mean: np.ndarray = total / np.maximum(count, 1)
    return mean
