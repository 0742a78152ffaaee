"""The figures of each query, and their means over queries."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from components.documents import Figures
from components.retrieval.average_precision import average_precision, weighted_average_precision
from components.retrieval.ball import Ball
from components.retrieval.gain import acg, ndcg
from components.retrieval.precision_at_k import precision_at_k

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
        named = {figure: getattr(self, column) for figure, column in COLUMNS.items()}
        return named | {"empty_ball_rate": (self.n_within_h2 == 0).astype(np.float64)}


COLUMNS = {
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
