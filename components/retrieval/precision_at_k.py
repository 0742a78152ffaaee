"""Precision of the k nearest neighbours of a ranking with ties, expected over random tie order."""

import numpy as np


def precision_at_k(histogram: np.ndarray, k: int) -> np.ndarray:
    """P@k = (relevant among the first k) / min(k, n), expected over all orders of the ties; n items in the ranking.

    histogram: int64, (Q, K + 1, L + 1) of `RelevanceCounter`; relevant means level > 0. Of a group of c tied items,
    r of them relevant, with t places among the first k, t r / c stand there in expectation: every item takes every
    place of its group equally often. Returns float64, (Q,), in [0, 1]; 0 where there is nothing to search, so that a
    query without a relevant item has 0, not NaN. With one distance for all items, as for chance, it is the share of
    the gallery that is relevant, whatever k.
    Source: McSherry & Najork 2008, §2.1. Deviation: where the gallery has fewer than k items of other patients, the
    list is taken whole and divided by its own length, as ACG@p is here: it stays the chance that a neighbour shown is
    relevant. trec_eval's P_k divides by k there, so that a perfect ranking would stay below 1.
    """
    count, relevant = histogram.sum(axis=2), histogram[:, :, 1:].sum(axis=2)
    end = np.cumsum(count, axis=1)
    within = np.minimum(end, k) - np.minimum(end - count, k)
    found: np.ndarray = (relevant * within / np.maximum(count, 1)).sum(axis=1) / np.clip(end[:, -1], 1, k)
    return found
