"""Average precision of a ranking with ties: expected over random tie order, worst and best; and its weighted form."""

from typing import NamedTuple

import numpy as np


class AveragePrecision(NamedTuple):
    """Average precision per query, float64, (Q,); NaN where nothing is relevant."""

    expected: np.ndarray
    worst: np.ndarray
    best: np.ndarray


def average_precision(histogram: np.ndarray) -> AveragePrecision:
    """AP over the whole ranking, (1/R) Σ_p δ_p · (relevant among the first p) / p, δ_p = [item p is relevant].

    histogram: int64, (Q, K + 1, L + 1) of `relevance_histogram`; relevant means level > 0. Items at one distance
    are tied: `expected` is the mean over all orders of the ties, `worst` puts irrelevant ties first, `best` last.
    A group of c tied items, r of them relevant, after n items with R' relevant adds, with H the harmonic numbers
    and S(m) = Σ_{k=1..r} (R' + k)/(m + k) = r + (R' - m)(H_{m+r} - H_m), S(n + c - r) to the worst and S(n) to
    the best sum; `expected_precision_sum` gives the expected one.
    Source: McSherry & Najork 2008, "Computing information retrieval performance measures efficiently in the
    presence of tied scores", §2.2.
    """
    count = histogram.sum(axis=2)
    relevant = histogram[:, :, 1:].sum(axis=2)
    ranked_before = np.cumsum(count, axis=1) - count
    relevant_before = np.cumsum(relevant, axis=1) - relevant
    harmonic = _harmonic_numbers(count)

    def precision_sum(start: np.ndarray) -> np.ndarray:
        step = harmonic[start + relevant] - harmonic[start]
        terms: np.ndarray = (relevant + (relevant_before - start) * step).sum(axis=1)
        return terms

    n_relevant = _nan_where_zero(relevant.sum(axis=1))
    return AveragePrecision(expected=expected_precision_sum(count, relevant, relevant) / n_relevant,
                            worst=precision_sum(ranked_before + count - relevant) / n_relevant,
                            best=precision_sum(ranked_before) / n_relevant)


def weighted_average_precision(histogram: np.ndarray) -> np.ndarray:
    """(1/R) Σ_p δ_p · ACG@p with ACG@p = (1/p) Σ_{i≤p} level_i, expected over random tie order.

    histogram: as above. Returns float64, (Q,), NaN where nothing is relevant; exceeds 1 where levels do.
    Source: Order-Sensitive Deep Hashing, §3, mAP_w. Deviation: ties are taken in expectation.
    """
    gain = histogram @ np.arange(histogram.shape[2])
    relevant = histogram[:, :, 1:].sum(axis=2)
    return expected_precision_sum(histogram.sum(axis=2), relevant, gain) / _nan_where_zero(relevant.sum(axis=1))


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
    step = harmonic[ranked_before + count] - harmonic[ranked_before]                       # ΔH, 0 for an empty group
    items = np.maximum(count, 1)
    pairs = np.maximum(count * (count - 1), 1)                                             # r = 1 or g = 0 if c = 1
    own_and_before = (relevant * gain_before + gain) / items * step
    within = gain * (relevant - 1) / pairs * (count - (ranked_before + 1) * step)
    total: np.ndarray = (own_and_before + within).sum(axis=1)
    return total


def _harmonic_numbers(count: np.ndarray) -> np.ndarray:
    """H_0 … H_N for the longest ranking, float64."""
    longest = int(count.sum(axis=1).max(initial=0))
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, longest + 1))])


def _nan_where_zero(n_relevant: np.ndarray) -> np.ndarray:
    return np.where(n_relevant > 0, n_relevant, np.nan)
