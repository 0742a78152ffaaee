"""The few figures of a method that are shown first: MAP beside chance and permuted labels, and what a reader sees."""

import math

from medhash.core.documents import Headline, Metrics
from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.evaluation.permuted_labels import permuted_labels_map
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.index import GALLERY_FOLDS

MOST_PAIRS = 20_000_000
"""Of queries and gallery cases: the permuted-label baseline ranks all of them some dozen times."""


def make_headline(metrics: Metrics, codes: PlacedCodes, tables: Tables, seed: int) -> Headline:
    """codes: all cases of the method; the permuted-label baseline is left out above MOST_PAIRS pairs."""
    permuted = None
    if metrics.n_queries * metrics.n_gallery <= MOST_PAIRS:
        value = permuted_labels_map(codes.of_folds("test"), codes.of_folds(*GALLERY_FOLDS), tables.level_matrix(), seed)
        permuted = None if math.isnan(value) else value
    return headline_of(metrics, permuted)


def headline_of(metrics: Metrics, map_permuted: float | None) -> Headline:
    interval = metrics.intervals.get("map")
    return Headline(
        map=metrics.figures.map,
        map_low=interval.low if interval else None,
        map_high=interval.high if interval else None,
        map_chance=metrics.chance.map,
        map_permuted=map_permuted,
        validation_map=metrics.validation_map,
        ndcg_at_100=metrics.figures.ndcg_at_100,
        precision_at_10=metrics.figures.precision_at_10,
        precision_h2=metrics.figures.precision_h2,
        distinct_codes=metrics.n_distinct_codes,
    )
