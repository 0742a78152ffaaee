"""kNN label AUC: what a reader can conclude about a label from the labels of the k nearest cases."""

from typing import NamedTuple

import numpy as np

from medhash.retrieval.measures.bootstrap import draws_of_patients
from medhash.retrieval.measures.set_counts import SetCounter


class LabelAuc(NamedTuple):
    """The macro AUC over labels that a query carries and another lacks, with its 95 % interval over patients."""

    value: float
    """NaN where no label is measured."""
    low: float
    high: float
    by_label: np.ndarray
    """float64, (C,); NaN of a label that all queries carry, or none."""


def neighbour_votes(counter: SetCounter, carried_by_set: np.ndarray, k: int) -> np.ndarray:
    """Share of each query's k nearest items of other patients that carry each label: float64, (Q, C).

    carried_by_set: bool, (sets, C). The items tied at the distance of the k-th count in proportion: the expectation
    over random tie order. A gallery of fewer than k items votes whole.
    """
    carried = carried_by_set[counter.sets].astype(np.float64)  # (T, C)
    votes = np.zeros((counter.n_queries, carried.shape[1]))
    for query in range(counter.n_queries):
        counts = counter.count(query)
        items = counts.sum(axis=1)
        before = np.cumsum(items) - items
        taken = np.clip(k - before, 0, items)  # of each group
        share = np.divide(taken, items, out=np.zeros(len(items)), where=items > 0)
        n_taken = taken.sum()
        if n_taken:
            votes[query] = np.einsum("d,dt,tc->c", share, counts, carried) / n_taken
    return votes


def label_auc(votes: np.ndarray, carried: np.ndarray, patients: np.ndarray, n_samples: int, seed: int) -> LabelAuc:
    """ROC-AUC of the votes for each label, equal votes counting one half, and its mean over labels.

    votes: float64, (Q, C); carried: bool, (Q, C): does the query carry the label; patients: (Q,), sortable ids. In a
    resample of patients a label that all or none of the queries carry stands outside the mean.
    Source: Fawcett 2006, "An introduction to ROC analysis", §7; the vote of the k nearest as score is ours.
    """
    by_label = np.concatenate(
        [_auc(votes[:, c], carried[:, c], np.ones((1, len(votes)))) for c in range(votes.shape[1])]
    )
    if np.isnan(by_label).all():
        return LabelAuc(np.nan, np.nan, np.nan, by_label)
    low = high = np.nan
    _, patient = np.unique(patients, return_inverse=True)
    n_patients = int(patient.max()) + 1
    if n_samples and n_patients > 1:
        means = []
        for times_drawn in draws_of_patients(n_patients, n_samples, seed):
            weights = times_drawn[:, patient]
            found = np.stack(
                [_auc(votes[:, c], carried[:, c], weights) for c in np.flatnonzero(~np.isnan(by_label))], axis=1
            )
            known = ~np.isnan(found)
            means.append(
                np.divide(
                    np.where(known, found, 0).sum(axis=1),
                    known.sum(axis=1),
                    out=np.full(len(found), np.nan),
                    where=known.any(axis=1),
                )
            )
        low, high = np.nanpercentile(np.concatenate(means), [2.5, 97.5])
    return LabelAuc(float(np.nanmean(by_label)), float(low), float(high), by_label)


def _auc(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """P(score of a positive > that of a negative) + half of P(equal), under weights (B, Q): float64, (B,)."""
    order = np.argsort(scores, kind="stable")
    in_order = scores[order]
    first = np.flatnonzero(np.concatenate([[True], in_order[1:] > in_order[:-1]]))
    of_positive = np.add.reduceat(weights[:, order] * positive[order], first, axis=1)  # (B, distinct scores)
    of_negative = np.add.reduceat(weights[:, order] * ~positive[order], first, axis=1)
    below = np.cumsum(of_negative, axis=1) - of_negative
    pairs = of_positive.sum(axis=1) * of_negative.sum(axis=1)
    won = (of_positive * (below + of_negative / 2)).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
