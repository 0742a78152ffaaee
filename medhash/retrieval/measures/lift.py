"""Lift: how far MAP lies above the MAP of the same rankings with the queries' labels exchanged.

MAP alone can be won by memorising. Codes of a gallery that was trained on fall into pure groups. A query then ranks a
whole group first or last, and average precision gains more from first than it loses from last: about 0.50 against
0.37 for three equal classes, whatever the query shows. The exchanged MAP has the same gain, so lift has not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from medhash.retrieval.measures.average_precision import expected_precision_sum
from medhash.retrieval.measures.bootstrap import PairedDifference, draws_of_patients
from medhash.retrieval.measures.set_counts import SetCounter

MOST_QUERIES = 4000
"""Of more queries, those of a seeded draw of patients are measured."""
MOST_SETS = 256
"""Of more distinct label sets, those of a seeded draw of queries stand for all."""


class Lift(NamedTuple):
    """MAP, exchanged MAP and their difference over the answerable queries, with its 95 % interval over patients."""

    map: float
    permuted: float
    """MAP with the queries' label sets exchanged."""
    value: float
    low: float
    high: float
    n_queries: int
    """Answerable ones that were measured."""
    n_patients: int


@dataclass(frozen=True)
class ExchangedPrecision:
    """Average precision of each answerable query under its own label set and under those it could have got."""

    own: np.ndarray
    """float64, (Q,)."""
    under: np.ndarray
    """float64, (Q, S): AP of the query's ranking if it carried the s-th set; NaN where nothing would be relevant."""
    dealt: np.ndarray
    """int64, (Q,): the set that query q deals out, 0 … S - 1; -1 of one that deals none."""
    patients: np.ndarray
    """int64, (Q,), 0 … P - 1."""
    strata: np.ndarray
    """int64, (Q,): labels are exchanged among queries of one stratum only."""
    rows: np.ndarray
    """int64, (Q,): place of the query among those given."""


def exchanged_precision(
    counter: SetCounter,
    query_sets: np.ndarray,
    query_patients: np.ndarray,
    levels: np.ndarray,
    seed: int = 0,
) -> ExchangedPrecision:
    """Rank once, and measure under every label set that a query carries.

    query_sets: int, (Q,), rows of `levels`; query_patients: (Q,), sortable ids; levels: int, (S, S), labels that two
    sets share; relevant means level > 0. Ties are in expectation. All queries are of one stratum (`within`).
    Exact up to MOST_QUERIES queries and MOST_SETS label sets; above, seeded draws stand for all.
    """
    shares = levels[:, counter.sets] > 0  # (sets, T)
    measured = _drawn_queries(query_patients, seed)
    dealing, dealt = _deals(query_sets[measured], seed)
    own, under, kept = [], [], []
    for place, query in enumerate(measured.tolist()):
        counts = counter.count(query)
        asked = np.concatenate([query_sets[query, None], dealing])
        relevant = np.einsum("dt,st->sd", counts, shares[asked].astype(np.int64))
        n_relevant = relevant.sum(axis=1)
        if not n_relevant[0]:
            continue
        items = np.broadcast_to(counts.sum(axis=1), relevant.shape)
        precision = expected_precision_sum(items, relevant, relevant) / np.where(n_relevant > 0, n_relevant, np.nan)
        own.append(precision[0])
        under.append(precision[1:])
        kept.append(place)
    rows = np.array(kept, np.int64)
    chosen = measured[rows]
    _, patients = np.unique(query_patients[chosen], return_inverse=True)
    return ExchangedPrecision(
        np.array(own),
        np.array(under).reshape(len(rows), len(dealing)),
        dealt[rows],
        patients.astype(np.int64),
        np.zeros(len(rows), np.int64),
        chosen,
    )


def within(found: ExchangedPrecision, strata: np.ndarray) -> ExchangedPrecision:
    """The same rankings, with labels exchanged among queries of one stratum only. strata: sortable, of all queries."""
    return replace(found, strata=np.unique(strata[found.rows], return_inverse=True)[1].astype(np.int64))


def lift(found: ExchangedPrecision, n_samples: int, seed: int) -> Lift:
    """MAP − exchanged MAP; exchanged MAP is the mean of AP_q(s_r) over pairs of a query q and a query r of its stratum.

    It is what a random permutation of the label sets within strata gives in expectation, q = r included. Pairs under
    which nothing is relevant stand outside. The interval resamples patients with replacement and takes both terms anew.
    NaN where no query is answerable; without samples the interval is NaN. Source: ours; a permutation test of labels as
    in Good 2005, "Permutation, Parametric and Bootstrap Tests", ch. 3.
    """
    return lifts(found, [np.ones(int(found.rows.max(initial=-1)) + 1, bool)], n_samples, seed)[0]


def lifts(found: ExchangedPrecision, masks: Sequence[np.ndarray], n_samples: int, seed: int) -> list[Lift]:
    """Lift of parts of the queries, where each mask over all queries given holds: bool, (Q,).

    A part asks its own labels of its own rankings and of those of all queries. So a slice by a rare label is compared
    with what other rankings give for that label, not with the MAP of frequent ones. All parts see the same resamples.
    """
    kept = np.stack([mask[found.rows] for mask in masks]) if len(found.rows) else np.zeros((len(masks), 0), bool)
    own, permuted = _terms(found, np.ones((1, len(found.own))), kept)  # (M, 1)
    bounds = np.full((len(masks), 2), np.nan)
    if n_samples and len(found.own):
        resampled = _resampled(found, n_samples, seed, kept)
        for part, values in enumerate(resampled):
            if not np.isnan(values).all():
                bounds[part] = np.nanpercentile(values, [2.5, 97.5])
    return [
        Lift(
            float(own[part, 0]),
            float(permuted[part, 0]),
            float(own[part, 0] - permuted[part, 0]),
            float(bounds[part, 0]),
            float(bounds[part, 1]),
            int(mask.sum()),
            len(np.unique(found.patients[mask])),
        )
        for part, mask in enumerate(kept)
    ]


def lift_gains(
    ours: ExchangedPrecision, theirs: ExchangedPrecision, masks: Sequence[np.ndarray], n_samples: int, seed: int
) -> PairedDifference:
    """How far one model's lift lies above another's in parts of the same queries, each net of its own exchanged labels.

    masks: as of `lifts`. The interval sees the same resamples of patients for both; p is two-sided, as of
    `paired_bootstrap`. Raises ValueError if the two were not asked by the same queries.
    """
    if not np.array_equal(ours.rows, theirs.rows):
        raise ValueError("the two models were not asked by the same queries")
    kept = np.stack([mask[ours.rows] for mask in masks])
    differences = _resampled(ours, n_samples, seed, kept) - _resampled(theirs, n_samples, seed, kept)  # (M, B)
    first, second = (lifts(one, masks, 0, seed) for one in (ours, theirs))
    value = np.array([one.value - other.value for one, other in zip(first, second, strict=True)])
    low, high, p_value = (np.full(len(masks), np.nan) for _ in range(3))
    for part, drawn in enumerate(differences):
        drawn = drawn[~np.isnan(drawn)]
        if len(drawn):
            low[part], high[part] = np.percentile(drawn, [2.5, 97.5])
            n_beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
            p_value[part] = min(2 * (1 + n_beyond) / (1 + len(drawn)), 1.0)
    return PairedDifference(value, low, high, p_value)


def _resampled(found: ExchangedPrecision, n_samples: int, seed: int, kept: np.ndarray) -> np.ndarray:
    """Lift of each part in each resample of patients: float64, (M, n_samples)."""
    n_patients = int(found.patients.max(initial=-1)) + 1
    parts = [np.zeros((len(kept), 0))]
    for times_drawn in draws_of_patients(n_patients, n_samples, seed):  # (B, P)
        own, permuted = _terms(found, times_drawn[:, found.patients], kept)
        parts.append(own - permuted)
    return np.concatenate(parts, axis=1)


def _terms(found: ExchangedPrecision, weights: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MAP and exchanged MAP of each part under weights of the queries, (B, Q): float64, (M, B) each.

    A stratum's exchanged MAP is the mean over its pairs of ranking and label set, and strata count as their queries do.
    """
    known = ~np.isnan(found.under)
    under = np.where(known, found.under, 0.0)
    permuted = np.zeros((len(kept), len(weights)))
    for stratum in np.unique(found.strata):
        rows = found.strata == stratum
        # Not a BLAS product: its rounding can depend on the number of threads, and equal input must give equal bytes.
        precision = np.einsum("bq,qs->bs", weights[:, rows], under[rows])
        pairs = np.einsum("bq,qs->bs", weights[:, rows], known[rows].astype(np.float64))
        for part, mask in enumerate(kept):
            dealing = np.flatnonzero(mask & rows & (found.dealt >= 0))
            sets, shares = _sum_by_set(weights, found.dealt, dealing)
            total, n_pairs = ((of_sets[:, sets] * shares).sum(axis=1) for of_sets in (precision, pairs))
            mean = np.divide(total, n_pairs, out=np.zeros(len(weights)), where=n_pairs > 0)
            permuted[part] += weights[:, mask & rows].sum(axis=1) * mean
    n_asked = np.stack([weights[:, mask].sum(axis=1) for mask in kept])
    own = np.stack([(weights[:, mask] * found.own[mask]).sum(axis=1) for mask in kept])
    nothing = np.full(n_asked.shape, np.nan)
    return (
        np.divide(own, n_asked, out=nothing.copy(), where=n_asked > 0),
        np.divide(permuted, n_asked, out=nothing.copy(), where=n_asked > 0),
    )


def _sum_by_set(weights: np.ndarray, dealt: np.ndarray, dealing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sets that these queries deal, ascending, and the weight of each: int64, (D,), and float64, (B, D)."""
    in_order = dealing[np.argsort(dealt[dealing], kind="stable")]
    sets, first = np.unique(dealt[in_order], return_index=True)
    if not len(sets):
        return sets, np.zeros((len(weights), 0))
    return sets, np.add.reduceat(weights[:, in_order], first, axis=1)


def _drawn_queries(patients: np.ndarray, seed: int) -> np.ndarray:
    """All queries, or those of patients in random order until there are MOST_QUERIES: int64, ascending."""
    if len(patients) <= MOST_QUERIES:
        return np.arange(len(patients))
    _, patient = np.unique(patients, return_inverse=True)
    place = np.random.default_rng(seed).permutation(int(patient.max()) + 1)[patient]
    order = np.argsort(place, kind="stable")
    chosen: np.ndarray = np.sort(order[:MOST_QUERIES])
    return chosen


def _deals(sets: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The label sets to measure under, int64 (S,), and which of them each query deals out, int64 (Q,); -1 for none."""
    dealing = np.unique(sets)
    drawn = np.arange(len(sets))
    if len(dealing) > MOST_SETS:
        drawn = np.sort(np.random.default_rng(seed).permutation(len(sets))[:MOST_SETS])
        dealing = np.unique(sets[drawn])
    dealt = np.full(len(sets), -1)
    dealt[drawn] = np.searchsorted(dealing, sets[drawn])
    return dealing.astype(np.int64), dealt
