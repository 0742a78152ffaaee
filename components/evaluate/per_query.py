"""The figures of each query, and their means over queries."""

from dataclasses import dataclass, fields

import numpy as np

from components.documents import CurvePoint, Figures
from components.retrieval.average_precision import average_precision, weighted_average_precision
from components.retrieval.ball import hamming_balls
from components.retrieval.chance import chance_histogram
from components.retrieval.gain import acg, ndcg

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
    acg_at_100: np.ndarray
    weighted_ap: np.ndarray
    precision_h2: np.ndarray
    n_within_h2: np.ndarray
    """int64"""

    def answerable(self) -> "PerQuery":
        """The queries to which something in the gallery is relevant; only they enter a mean."""
        kept = self.n_relevant > 0
        return PerQuery(*(getattr(self, field.name)[kept] for field in fields(self)))

    def by_figure(self) -> dict[str, np.ndarray]:
        """Field of document Figures → the per-query values whose mean it is."""
        return {"map": self.ap_expected, "map_worst_ties": self.ap_worst, "map_best_ties": self.ap_best,
                "ndcg_at_100": self.ndcg_at_100, "acg_at_100": self.acg_at_100, "weighted_map": self.weighted_ap,
                "precision_h2": self.precision_h2, "empty_ball_rate": (self.n_within_h2 == 0).astype(np.float64)}


def measure_queries(histogram: np.ndarray) -> PerQuery:
    """All measures of each query from its relevance histogram, int64, (Q, K + 1, L + 1)."""
    expected, worst, best = average_precision(histogram)
    balls = hamming_balls(histogram)
    radius = min(RADIUS, histogram.shape[1] - 1)
    return PerQuery(n_relevant=histogram[:, :, 1:].sum(axis=(1, 2)), ap_expected=expected, ap_worst=worst,
                    ap_best=best, ndcg_at_100=ndcg(histogram, LIST_LENGTH), acg_at_100=acg(histogram, LIST_LENGTH),
                    weighted_ap=weighted_average_precision(histogram), precision_h2=balls.precision[:, radius],
                    n_within_h2=balls.n_items[:, radius])


def mean_figures(queries: PerQuery) -> Figures:
    """Means over the queries given, none of which may be without a relevant item."""
    return Figures(**{name: float(values.mean()) for name, values in queries.by_figure().items()})


def chance_figures(histogram: np.ndarray) -> Figures:
    """The means for a gallery in random order, over the queries that have something relevant.

    A random order has no ties left to settle, so the worst and the best tie order are the expected one; its P@H2 is
    the share of the gallery that is relevant.
    """
    figures = mean_figures(measure_queries(chance_histogram(histogram)).answerable())
    return figures.model_copy(update={"map_worst_ties": figures.map, "map_best_ties": figures.map})


def precision_recall_curve(histogram: np.ndarray) -> list[CurvePoint]:
    """Precision and recall within each radius, averaged over the queries that have something relevant.

    An empty ball has precision 0, so that radius 2 of the curve is P@H2.
    """
    balls = hamming_balls(histogram[histogram[:, :, 1:].any(axis=(1, 2))])
    return [CurvePoint(radius=radius, precision=float(precision), recall=float(recall))
            for radius, (precision, recall) in enumerate(zip(balls.precision.mean(axis=0), balls.recall.mean(axis=0),
                                                             strict=True))]
