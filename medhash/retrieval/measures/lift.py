"""Lift: how far MAP lies above the MAP of the same rankings with the queries' labels exchanged.

MAP alone can be won by memorising. Codes of a gallery that was trained on fall into pure groups. A query then ranks a
whole group first or last, and average precision gains more from first than it loses from last: about 0.50 against
0.37 for three equal classes, whatever the query shows. The exchanged MAP has the same gain, so lift has not.
"""

from dataclasses import dataclass
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
    """float64, (Q, S): row q is 1 at the set that query q deals out, 0 elsewhere; a row of zeros deals none."""
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
    strata: np.ndarray | None = None,
    seed: int = 0,
) -> ExchangedPrecision:
    """Rank once, and measure under every label set that a query carries.

    query_sets: int, (Q,), rows of `levels`; query_patients: (Q,), sortable ids; levels: int, (S, S), labels that two
    sets share; relevant means level > 0. strata: (Q,), sortable; None for one stratum. Ties are in expectation.
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
    of_stratum = np.zeros(len(rows), np.int64) if strata is None else np.unique(strata[chosen], return_inverse=True)[1]
    return ExchangedPrecision(
        np.array(own),
        np.array(under).reshape(len(rows), len(dealing)),
        dealt[rows],
        patients.astype(np.int64),
        of_stratum.astype(np.int64),
        chosen,
    )


def lift(found: ExchangedPrecision, n_samples: int, seed: int) -> Lift:
    """MAP − exchanged MAP; exchanged MAP is the mean of AP_q(s_r) over pairs of a query q and a query r of its stratum.

    It is what a random permutation of the label sets within strata gives in expectation, q = r included. Pairs under
    which nothing is relevant stand outside. The interval resamples patients with replacement and takes both terms anew.
    NaN where no query is answerable. Source: ours; a permutation test of labels as in Good 2005, "Permutation,
    Parametric and Bootstrap Tests", ch. 3.
    """
    if not len(found.own):
        return Lift(*[float("nan")] * 5, n_queries=0, n_patients=0)
    (own,), (permuted,) = _terms(found, np.ones((1, len(found.own))))
    low, high = np.nan, np.nan
    n_patients = int(found.patients.max()) + 1
    if n_samples and n_patients > 1:
        low, high = np.nanpercentile(_resampled(found, n_samples, seed), [2.5, 97.5])
    return Lift(float(own), float(permuted), float(own - permuted), float(low), float(high), len(found.own), n_patients)


def lift_gain(ours: ExchangedPrecision, theirs: ExchangedPrecision, n_samples: int, seed: int) -> PairedDifference:
    """How far one model's lift lies above another's, each net of its own exchanged labels, on the same queries.

    The interval sees the same resamples of patients for both; p is two-sided, as of `paired_bootstrap`. Arrays of one
    element. Raises ValueError if the two were not asked by the same queries.
    """
    if not np.array_equal(ours.rows, theirs.rows):
        raise ValueError("the two models were not asked by the same queries")
    differences = _resampled(ours, n_samples, seed) - _resampled(theirs, n_samples, seed)
    value = lift(ours, 0, seed).value - lift(theirs, 0, seed).value
    drawn = differences[~np.isnan(differences)]
    low, high = np.percentile(drawn, [2.5, 97.5]) if len(drawn) else (np.nan, np.nan)
    n_beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p_value = min(2 * (1 + n_beyond) / (1 + len(drawn)), 1.0)
    return PairedDifference(*(np.array([one]) for one in (value, low, high, p_value)))


def part_of(found: ExchangedPrecision, mask: np.ndarray) -> ExchangedPrecision:
    """A part of the queries, where the mask over all queries given holds.

    Its own labels are asked of its own rankings and of those of all queries. So a slice by a rare label is compared
    with what other rankings give for that label, not with MAP of frequent ones.
    """
    kept = mask[found.rows]
    own, dealt = np.where(kept, found.own, np.nan), found.dealt * kept[:, None]
    return ExchangedPrecision(own, found.under, dealt, found.patients, found.strata, found.rows)


def _resampled(found: ExchangedPrecision, n_samples: int, seed: int) -> np.ndarray:
    """Lift in each resample of patients: float64, (n_samples,)."""
    n_patients = int(found.patients.max(initial=-1)) + 1
    parts = []
    for times_drawn in draws_of_patients(n_patients, n_samples, seed):  # (B, P)
        own, permuted = _terms(found, times_drawn[:, found.patients])
        parts.append(own - permuted)
    return np.concatenate(parts) if parts else np.zeros(0)


def _terms(found: ExchangedPrecision, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MAP and exchanged MAP under weights of the queries, (B, Q): float64, (B,) each; NaN stands outside.

    A stratum's exchanged MAP is the mean over its pairs of ranking and label set, and strata count as their queries do.
    """
    asked = weights * ~np.isnan(found.own)
    known = ~np.isnan(found.under)
    under = np.where(known, found.under, 0.0)
    permuted = np.zeros(len(weights))
    for stratum in np.unique(found.strata):
        rows = np.flatnonzero(found.strata == stratum)
        # Not a BLAS product: its rounding can depend on the number of threads, and equal input must give equal bytes.
        shares = np.einsum("bq,qs->bs", weights[:, rows], found.dealt[rows])
        total = (np.einsum("bq,qs->bs", weights[:, rows], under[rows]) * shares).sum(axis=1)
        pairs = (np.einsum("bq,qs->bs", weights[:, rows], known[rows].astype(np.float64)) * shares).sum(axis=1)
        permuted += asked[:, rows].sum(axis=1) * np.divide(total, pairs, out=np.zeros(len(weights)), where=pairs > 0)
    n_asked = asked.sum(axis=1)
    own = np.einsum("bq,q->b", asked, np.nan_to_num(found.own))
    nothing = np.full(len(weights), np.nan)
    return (
        np.divide(own, n_asked, out=nothing.copy(), where=n_asked > 0),
        np.divide(permuted, n_asked, out=nothing.copy(), where=n_asked > 0),
    )


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
    """The label sets to measure under, int64 (S,), and which one each query deals out, float64 (Q, S)."""
    dealing = np.unique(sets)
    if len(dealing) > MOST_SETS:
        drawn = np.sort(np.random.default_rng(seed).permutation(len(sets))[:MOST_SETS])
        dealing = np.unique(sets[drawn])
        dealt = np.zeros((len(sets), len(dealing)))
        dealt[drawn, np.searchsorted(dealing, sets[drawn])] = 1
        return dealing.astype(np.int64), dealt
    dealt = np.zeros((len(sets), len(dealing)))
    dealt[np.arange(len(sets)), np.searchsorted(dealing, sets)] = 1
    return dealing.astype(np.int64), dealt
