"""Chance: what a ranking that knows nothing would score."""

import numpy as np


def chance_histogram(histogram: np.ndarray) -> np.ndarray:
    """The relevance histogram of a gallery whose items all lie at one distance: (Q, K + 1, L + 1) → (Q, 1, L + 1).

    Every measure's expectation over random tie order is then its mean over random orders of the whole gallery.
    """
    at_one_distance: np.ndarray = histogram.sum(axis=1, keepdims=True)
    return at_one_distance
