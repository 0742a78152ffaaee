"""Average precision of a ranking with ties: expected over random tie order, worst and best; and its weighted form."""

from collections.abc import Iterable
from functools import lru_cache
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


def average_precision(histogram: np.ndarray) -> TieOrders:
    """AP over the whole ranking, (1/R) Σ_p δ_p · (relevant among the first p) / p, δ_p = [item p is relevant].

    histogram: int64, (Q, K + 1, L + 1) of `RelevanceCounter`; relevant means level > 0. Items at one distance
    are tied: `expected` is the mean over all orders of the ties, `worst` puts irrelevant ties first, `best` last.
    A group of c tied items, r of them relevant, after n items with R' relevant adds, with H the harmonic numbers
    and S(m) = Σ_{k=1..r} (R' + k)/(m + k) = r + (R' - m)(H_{m+r} - H_m), S(n + c - r) to the worst and S(n) to
    the best sum; `expected_precision_sum` gives the expected one. NaN where nothing is relevant.
    Source: McSherry & Najork 2008, "Computing information retrieval performance measures efficiently in the
    presence of tied scores", §2.2.
    """
    relevant = histogram[:, :, 1:].sum(axis=2)
    binary = np.moveaxis(np.stack([histogram[:, :, 0], relevant]), 0, 2)
    count = binary.sum(axis=2)
    return _per_relevant(expected_precision_sum(count, relevant, relevant), binary)


def weighted_average_precision(histogram: np.ndarray) -> TieOrders:
    """(1/R) Σ_p δ_p · ACG@p with ACG@p = (1/p) Σ_{i≤p} level_i; exceeds 1 where levels do.

    histogram: as above. Worst and best are exact: of two neighbours the more relevant one first never lowers the
    sum. If both are relevant, only the first of their two terms changes, and it grows with the level that comes
    first; if one is irrelevant, the other's own term has the same gain over a smaller place. So a group is worst in
    ascending and best in descending order of level.
    Source: Order-Sensitive Deep Hashing, §3, mAP_w. Deviation: ties are taken in expectation, worst and best.
    """
    gain = (histogram * np.arange(histogram.shape[2])).sum(axis=2)
    relevant = histogram[:, :, 1:].sum(axis=2)
    return _per_relevant(expected_precision_sum(histogram.sum(axis=2), relevant, gain), histogram)


def _per_relevant(expected_sum: np.ndarray, histogram: np.ndarray) -> TieOrders:
    n_relevant = histogram[:, :, 1:].sum(axis=(1, 2))
    divisor = np.where(n_relevant > 0, n_relevant, np.nan)
    n_levels = histogram.shape[2]
    return TieOrders(
        expected_sum / divisor,
        precision_sum_in_order(histogram, levels_ascending(n_levels)) / divisor,
        precision_sum_in_order(histogram, levels_descending(n_levels)) / divisor,
    )


def precision_sum_in_order(histogram: np.ndarray, order: Iterable[int]) -> np.ndarray:
    """Σ_p δ_p · (gain of the first p items) / p where the items of a group come in the order of levels given.

    histogram: as above; an item's gain is its level. c items of level l > 0 after m items with gain G add
    Σ_{k=1..c} (G + l k)/(m + k) = l c + (G - l m)(H_{m+c} - H_m). Returns float64, (Q,).
    """
    count = histogram.sum(axis=2)
    gain = (histogram * np.arange(histogram.shape[2])).sum(axis=2)
    harmonic = _harmonic_numbers(count)
    start, gain_before = np.cumsum(count, axis=1) - count, np.cumsum(gain, axis=1) - gain
    before = harmonic[start]
    total = np.zeros(count.shape)
    for level in order:
        items = histogram[:, :, level]
        after = harmonic[start + items]
        if level:
            total += level * items + (gain_before - level * start) * (after - before)
            gain_before += level * items
        start += items
        before = after
    summed: np.ndarray = total.sum(axis=1)
    return summed


def expected_precision_sum(count: np.ndarray, relevant: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """E[Σ_p δ_p · (gain of the first p items) / p] over random orders within the tie groups.

    count, relevant, gain: int64, (Q, groups) in ranking order: items, relevant items (those with gain > 0) and sum
    of gains of each group. Returns float64, (Q,).

    In a group of c items with r relevant and gain sum g, after n items with gain sum G, the item at place t is
    relevant with probability r/c; its own gain adds g/c; each item before it adds E[δ_t g_s] = g(r-1)/(c(c-1)),
    as δ_i = 1 wherever g_i > 0. Divided by n + t and summed over t = 1 … c, with ΔH = H_{n+c} - H_n:

        (r G + g)/c · ΔH + g (r-1)/(c (c-1)) · (c - (n+1) ΔH).

    With gain 1 per relevant item this is the sum of expected AP.
    """
    ranked_before = np.cumsum(count, axis=1) - count
    gain_before = np.cumsum(gain, axis=1) - gain
    harmonic = _harmonic_numbers(count)
    step = harmonic[ranked_before + count] - harmonic[ranked_before]  # ΔH, 0 for an empty group
    items = np.maximum(count, 1)
    pairs = np.maximum(count * (count - 1), 1)  # r = 1 or g = 0 if c = 1
    own_and_before = (relevant * gain_before + gain) / items * step
    within = gain * (relevant - 1) / pairs * (count - (ranked_before + 1) * step)
    total: np.ndarray = (own_and_before + within).sum(axis=1)
    return total


def _harmonic_numbers(count: np.ndarray) -> np.ndarray:
    """H_0, H_1 … as far as the longest ranking needs them, float64."""
    return _harmonic_numbers_below(1 << int(count.sum(axis=1).max(initial=0)).bit_length())


@lru_cache(maxsize=2)
def _harmonic_numbers_below(length: int) -> np.ndarray:
    numbers = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, length))])
    numbers.flags.writeable = False
    return numbers
