"""Precision@k and precision within Hamming radii, and the histogram of a random order (chance)."""

from typing import NamedTuple

import numpy as np


def chance_histogram(histogram: np.ndarray) -> np.ndarray:
    """The relevance histogram of a gallery whose items all lie at one distance: (Q, K + 1, L + 1) → (Q, 1, L + 1).

    Every measure's expectation over random tie order is then its mean over random orders of the whole gallery.
    """
    at_one_distance: np.ndarray = histogram.sum(axis=1, keepdims=True)
    return at_one_distance


class Ball(NamedTuple):
    """Precision, recall and number of items within each radius 0 … K; arrays (Q, K + 1).

    An empty ball has precision 0; recall is NaN where nothing is relevant.
    """

    precision: np.ndarray
    recall: np.ndarray
    n_items: np.ndarray


def hamming_balls(histogram: np.ndarray) -> Ball:
    """Precision and recall of everything within each Hamming radius.

    histogram: int64, (Q, K + 1, L + 1) of `RelevanceCounter`; relevant means level > 0. Ties play no part.
    Source: Deep Residual Hashing, §3 (P@H2 and precision-recall curves); empty balls count as 0.
    """
    n_items = np.cumsum(histogram.sum(axis=2), axis=1)
    n_relevant = np.cumsum(histogram[:, :, 1:].sum(axis=2), axis=1)
    all_relevant = n_relevant[:, -1:].astype(np.float64)
    all_relevant[all_relevant == 0] = np.nan
    return Ball(n_relevant / np.maximum(n_items, 1), n_relevant / all_relevant, n_items)


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
