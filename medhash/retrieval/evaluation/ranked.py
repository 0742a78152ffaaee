"""Per-query measures of a ranking and of a random order, and precision and recall by Hamming radius."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from medhash.core.documents import CurvePoint, Figures
from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.measures.average_precision import average_precision, weighted_average_precision
from medhash.retrieval.measures.euclidean import EuclideanCounter
from medhash.retrieval.measures.gain import acg, ndcg
from medhash.retrieval.measures.histogram import RelevanceCounter
from medhash.retrieval.measures.precision import Ball, chance_histogram, hamming_balls, precision_at_k
from medhash.retrieval.measures.threads import map_ranges

LIST_LENGTH = 100
"""p of NDCG@p and ACG@p, as in Order-Sensitive Deep Hashing."""
RADIUS = 2
"""Hamming radius of P@H2 (bits), as in Deep Residual Hashing."""


@dataclass(frozen=True)
class PerQuery:
    """One value per query, (Q,); float64 unless noted. Columns of contract QUERIES."""

    n_relevant: np.ndarray
    """int64"""
    ap_expected: np.ndarray
    ap_worst: np.ndarray
    ap_best: np.ndarray
    ndcg_at_100: np.ndarray
    ndcg_at_100_worst: np.ndarray
    ndcg_at_100_best: np.ndarray
    acg_at_100: np.ndarray
    acg_at_100_worst: np.ndarray
    acg_at_100_best: np.ndarray
    weighted_ap: np.ndarray
    weighted_ap_worst: np.ndarray
    weighted_ap_best: np.ndarray
    precision_at_1: np.ndarray
    precision_at_5: np.ndarray
    precision_at_10: np.ndarray
    precision_h2: np.ndarray
    n_within_h2: np.ndarray
    """int64"""

    def take(self, kept: np.ndarray) -> "PerQuery":
        """The queries at these rows, or where this mask holds."""
        return PerQuery(*(getattr(self, field.name)[kept] for field in fields(self)))

    def answerable(self) -> "PerQuery":
        """The queries to which something in the gallery is relevant; only they enter a mean."""
        return self.take(self.n_relevant > 0)

    def by_figure(self) -> dict[str, np.ndarray]:
        """Field of document Figures → the per-query values whose mean it is."""
        named = {figure: getattr(self, column) for figure, column in FIGURE_COLUMNS.items()}
        return named | {"empty_ball_rate": (self.n_within_h2 == 0).astype(np.float64)}


FIGURE_COLUMNS = {
    "map": "ap_expected",
    "map_worst_ties": "ap_worst",
    "map_best_ties": "ap_best",
    "ndcg_at_100": "ndcg_at_100",
    "ndcg_at_100_worst_ties": "ndcg_at_100_worst",
    "ndcg_at_100_best_ties": "ndcg_at_100_best",
    "acg_at_100": "acg_at_100",
    "acg_at_100_worst_ties": "acg_at_100_worst",
    "acg_at_100_best_ties": "acg_at_100_best",
    "weighted_map": "weighted_ap",
    "weighted_map_worst_ties": "weighted_ap_worst",
    "weighted_map_best_ties": "weighted_ap_best",
    **{name: name for name in ("precision_at_1", "precision_at_5", "precision_at_10", "precision_h2")},
}
"""Field of document Figures → column of contract QUERIES; empty_ball_rate is the share with n_within_h2 = 0."""


def measure_queries(histogram: np.ndarray, balls: Ball) -> PerQuery:
    """All measures of each query from its relevance histogram, int64, (Q, groups, L + 1), and its balls by radius."""
    radius = min(RADIUS, balls.n_items.shape[1] - 1)
    return PerQuery(
        histogram[:, :, 1:].sum(axis=(1, 2)),
        *average_precision(histogram),
        *ndcg(histogram, LIST_LENGTH),
        *acg(histogram, LIST_LENGTH),
        *weighted_average_precision(histogram),
        precision_at_k(histogram, 1),
        precision_at_k(histogram, 5),
        precision_at_k(histogram, 10),
        balls.precision[:, radius].copy(),
        balls.n_items[:, radius].copy(),
    )  # a view would keep every radius in memory


def joined(parts: Sequence[PerQuery]) -> PerQuery:
    """The queries of all parts, in their order."""
    return PerQuery(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(PerQuery)))


def mean_figures(queries: PerQuery) -> Figures:
    """Means over the queries given, none of which may be without a relevant item."""
    return Figures(**{name: float(values.mean()) for name, values in queries.by_figure().items()})


def without_ties(figures: Figures) -> Figures:
    """Figures of an order that has no ties left to settle: worst and best are the expected ones."""
    return figures.model_copy(
        update={
            name: getattr(figures, name.removesuffix(end))
            for name in Figures.model_fields
            for end in ("_worst_ties", "_best_ties")
            if name.endswith(end)
        }
    )


@dataclass(frozen=True)
class Ranked:
    """Q queries, each measured on its own; equal for any number of threads and any size of chunk."""

    per_query: PerQuery
    chance: PerQuery
    """The same queries for a gallery in random order."""
    n_searched: np.ndarray
    """Gallery items of other patients: int64, (Q,)."""
    precision: np.ndarray
    """Within each Hamming radius: float64, (Q, K + 1)."""
    recall: np.ndarray

    @property
    def answerable(self) -> np.ndarray:
        """Is anything relevant to the query: bool, (Q,)."""
        kept: np.ndarray = self.per_query.n_relevant > 0
        return kept

    def figures(self) -> Figures:
        """Means over the answerable queries, of which there must be one."""
        return mean_figures(self.per_query.answerable())

    def chance_figures(self) -> Figures:
        """The same for a gallery in random order; its P@H2 is the share of the gallery that is relevant."""
        return without_ties(mean_figures(self.chance.answerable()))

    def curve(self) -> list[CurvePoint]:
        """Precision and recall within each radius, averaged over the answerable queries.

        An empty ball has precision 0, so that radius 2 of the curve is P@H2.
        """
        points = zip(
            self.precision[self.answerable].mean(axis=0), self.recall[self.answerable].mean(axis=0), strict=True
        )
        return [
            CurvePoint(radius=radius, precision=float(precision), recall=float(recall))
            for radius, (precision, recall) in enumerate(points)
        ]


def rank_by_hamming(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray, threads: int | None) -> Ranked:
    """Queries search the gallery by the Hamming distance of their packed codes."""
    counter = RelevanceCounter(
        queries.codes, gallery.codes, queries.set_ids, gallery.set_ids, levels, queries.patient_ids, gallery.patient_ids
    )

    def measured(start: int, stop: int) -> Ranked:
        histogram = counter.count(start, stop)
        return _measure(histogram, histogram)

    return _joined(measured, counter.chunks(), threads)


def rank_by_euclidean(
    queries: PlacedCodes,
    query_codes: np.ndarray,
    gallery: PlacedCodes,
    gallery_codes: np.ndarray,
    levels: np.ndarray,
    threads: int | None,
) -> Ranked:
    """Queries search the gallery by the Euclidean distance of their relaxed codes, float32, (Q, K) and (N, K)."""
    counter = EuclideanCounter(
        query_codes, gallery_codes, queries.set_ids, gallery.set_ids, levels, queries.patient_ids, gallery.patient_ids
    )
    return _joined(
        lambda query, _: _measure(*counter.count(query)), [(row, row + 1) for row in range(len(queries))], threads
    )


def _measure(histogram: np.ndarray, by_radius: np.ndarray) -> Ranked:
    balls, random = hamming_balls(by_radius), chance_histogram(by_radius)
    return Ranked(
        measure_queries(histogram, balls),
        measure_queries(random, hamming_balls(random)),
        balls.n_items[:, -1].copy(),
        balls.precision,
        balls.recall,
    )


def _joined(measured: Callable[[int, int], Ranked], ranges: Sequence[tuple[int, int]], threads: int | None) -> Ranked:
    parts = map_ranges(measured, ranges, threads)
    return Ranked(
        joined([part.per_query for part in parts]),
        joined([part.chance for part in parts]),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("n_searched", "precision", "recall")),
    )
