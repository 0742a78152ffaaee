"""NDCG@p and ACG@p of a ranking with ties: expected over random tie order, worst and best."""

from collections.abc import Iterable

import numpy as np

from medhash.retrieval.measures.average_precision import TieOrders, levels_ascending, levels_descending


def ndcg(histogram: np.ndarray, p: int) -> TieOrders:
    """NDCG@p = (1/Z) Σ_{i≤p} (2^{level_i} - 1) / log2(1 + i).

    histogram: int64, (Q, K + 1, L + 1) of `RelevanceCounter`. Z is the same sum over the whole gallery in ideal
    order, never over the retrieved items only. Each of a group of tied items has the group's mean gain in
    expectation; the worst order has a group's least relevant items first, the best its most relevant. A list shorter
    than p is taken whole. Values in [0, 1], NaN where nothing is relevant.
    Source: Order-Sensitive Deep Hashing, §3; ties as in McSherry & Najork 2008, §2.4. The base of the logarithm
    cancels.
    """
    gains = 2.0 ** np.arange(histogram.shape[2]) - 1
    discount = np.concatenate([[0.0], np.cumsum(1 / np.log2(1 + np.arange(1, p + 1)))])
    ideal = _sum_in_order(histogram.sum(axis=1, keepdims=True), gains, discount, levels_descending(histogram.shape[2]))
    nowhere = np.full(len(ideal), np.nan)
    return TieOrders(
        *(
            np.divide(found, ideal, out=nowhere.copy(), where=ideal > 0)
            for found in _tied_sums(histogram, gains, discount)
        )
    )


def acg(histogram: np.ndarray, p: int) -> TieOrders:
    """ACG@p = (1/p) Σ_{i≤p} level_i.

    histogram: as above, and so are the orders. Source: Order-Sensitive Deep Hashing, §3. Deviation: a list shorter
    than p is averaged over its own length (0 if it is empty).
    """
    length = np.clip(histogram.sum(axis=(1, 2)), 1, p)
    return TieOrders(
        *(
            total / length
            for total in _tied_sums(histogram, np.arange(histogram.shape[2], dtype=float), np.arange(p + 1.0))
        )
    )


def _tied_sums(histogram: np.ndarray, gains: np.ndarray, cumulative: np.ndarray) -> TieOrders:
    """Σ_i weight_i · gain_i with cumulative[m] = weight_1 + … + weight_m, over the places that weigh anything."""
    count = histogram.sum(axis=2)
    reached = np.cumsum(count, axis=1) - count < len(cumulative) - 1  # groups that begin within the first p
    n_groups = int(reached.sum(axis=1).max(initial=0))
    histogram, count = histogram[:, :n_groups], count[:, :n_groups]
    end = np.cumsum(count, axis=1)
    mean_gain = (histogram * gains).sum(axis=2) / np.maximum(count, 1)
    return TieOrders(
        (mean_gain * _weight(cumulative, end - count, end)).sum(axis=1),
        _sum_in_order(histogram, gains, cumulative, levels_ascending(len(gains))),
        _sum_in_order(histogram, gains, cumulative, levels_descending(len(gains))),
    )


def _sum_in_order(histogram: np.ndarray, gains: np.ndarray, cumulative: np.ndarray, order: Iterable[int]) -> np.ndarray:
    """The same sum where the items of a group come in the order of levels given."""
    count = histogram.sum(axis=2)
    start = np.cumsum(count, axis=1) - count
    total = np.zeros(count.shape)
    for level in order:
        end = start + histogram[:, :, level]
        if gains[level]:
            total += gains[level] * _weight(cumulative, start, end)
        start = end
    summed: np.ndarray = total.sum(axis=1)
    return summed


def _weight(cumulative: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """What the places start + 1 … end weigh together; those past the list's length weigh nothing."""
    last = len(cumulative) - 1
    weights: np.ndarray = cumulative[np.minimum(end, last)] - cumulative[np.minimum(start, last)]
    return weights
