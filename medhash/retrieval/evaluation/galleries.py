"""Lift and kNN label AUC of queries against a gallery: the training gallery, and one that no training has seen."""

from collections.abc import Callable

import numpy as np

from medhash.core.documents import GalleryFigures, Interval
from medhash.core.params import EvaluateParams
from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.evaluation.slices import value_of_queries
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.label_spread import labels_of_sets
from medhash.retrieval.measures.label_auc import LabelAuc, label_auc, neighbour_votes
from medhash.retrieval.measures.lift import MOST_QUERIES, ExchangedPrecision, Lift, exchanged_precision, lift, within
from medhash.retrieval.measures.set_counts import SetCounter, count_by_hamming

UNSEEN_FOLDS = ("val", "test")
"""The unseen gallery. Cross-fitting would make a larger one, but of codes of several models, which nobody serves."""
Count = Callable[[PlacedCodes, PlacedCodes], SetCounter]
"""How queries search a gallery."""


def by_hamming(queries: PlacedCodes, gallery: PlacedCodes) -> SetCounter:
    """By the Hamming distance of packed codes."""
    return count_by_hamming(queries.codes, gallery.codes, gallery.set_ids, queries.patient_ids, gallery.patient_ids)


def precision_of(
    queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray, seed: int, count: Count = by_hamming
) -> ExchangedPrecision:
    """Average precision of the queries under all their label sets; pairs of one patient are left out.

    Queries and gallery may be the same cases.
    """
    return exchanged_precision(count(queries, gallery), queries.set_ids, queries.patient_ids, levels, seed)


def gallery_figures(
    queries: PlacedCodes,
    gallery: PlacedCodes,
    found: ExchangedPrecision,
    tables: Tables,
    settings: EvaluateParams,
    seed: int,
    count: Count = by_hamming,
) -> GalleryFigures | None:
    """Figures of one pair of queries and gallery; None where no query is answerable.

    found: `precision_of` them. lift_within: labels exchanged among queries of one view, age band …, those of
    settings.exchange_within of which the queries have two values or more. The AUC is of MOST_QUERIES queries at most.
    """
    whole = lift(found, settings.bootstrap_samples, seed)
    if not whole.n_queries:
        return None
    lift_within = {}
    for kind in settings.exchange_within:
        values = value_of_queries(queries, tables, kind)
        if len(set(values.tolist())) > 1:
            lift_within[kind] = _interval(lift(within(found, values), settings.bootstrap_samples, seed))
    auc = _label_auc(queries, gallery, tables, settings, seed, count)
    names = tables.vocabulary.labels
    return GalleryFigures(
        n_queries=whole.n_queries,
        n_patients=whole.n_patients,
        n_gallery=len(gallery),
        map=whole.map,
        map_permuted=whole.permuted,
        lift=_interval(whole),
        lift_within=lift_within,
        neighbours=settings.neighbours,
        knn_auc=None if np.isnan(auc.value) else Interval(value=auc.value, low=auc.low, high=auc.high),
        label_auc={names[c]: float(auc.by_label[c]) for c in np.flatnonzero(~np.isnan(auc.by_label))},
    )


def exchanged_map(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray, seed: int) -> float:
    """MAP with the queries' labels exchanged; NaN where no query is answerable."""
    return lift(precision_of(queries, gallery, levels, seed), 0, seed).permuted


def validation_lift(queries: PlacedCodes, levels: np.ndarray, seed: int, count: Count = by_hamming) -> float | None:
    """Lift of validation cases that search each other; None where no case is answerable."""
    found = lift(precision_of(queries, queries, levels, seed, count), 0, seed)
    return found.value if found.n_queries else None


def _label_auc(
    queries: PlacedCodes, gallery: PlacedCodes, tables: Tables, settings: EvaluateParams, seed: int, count: Count
) -> LabelAuc:
    if len(queries) > MOST_QUERIES:
        queries = queries.take(np.sort(np.random.default_rng(seed).permutation(len(queries))[:MOST_QUERIES]))
    carried = labels_of_sets(tables.label_sets, len(tables.vocabulary.labels))
    votes = neighbour_votes(count(queries, gallery), carried, settings.neighbours)
    return label_auc(votes, carried[queries.set_ids], queries.patient_ids, settings.bootstrap_samples, seed)


def _interval(found: Lift) -> Interval:
    return Interval(value=found.value, low=found.low, high=found.high)
