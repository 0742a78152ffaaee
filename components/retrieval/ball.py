"""What a Hamming ball around the query holds: precision and recall by radius."""

from typing import NamedTuple

import numpy as np


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
