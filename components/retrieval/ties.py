"""What a measure is worth when its ranking has ties: expected over random tie order, and in the worst and the best."""

from typing import NamedTuple

import numpy as np


class TieOrders(NamedTuple):
    """A measure per query, float64, (Q,); NaN where it is not defined.

    `expected` is the mean over all orders of the items at one distance, `worst` the least and `best` the greatest
    value over them.
    """

    expected: np.ndarray
    worst: np.ndarray
    best: np.ndarray


def levels_ascending(n_levels: int) -> range:
    """The order of tied items that every measure here is worst at: the least relevant first.

    Exchanging two neighbours so that the more relevant one comes first lowers none of the measures, and every order
    can be sorted by such exchanges: so ascending order gives the least, descending the greatest value of all orders.
    """
    return range(n_levels)


def levels_descending(n_levels: int) -> range:
    """The order of tied items that every measure here is best at: the most relevant first."""
    return range(n_levels - 1, -1, -1)
