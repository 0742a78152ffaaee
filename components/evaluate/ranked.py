"""What a fold's queries find: per-query measures of the ranking and of a random order, and their balls by radius."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from components.documents import CurvePoint, Figures
from components.evaluate.per_query import PerQuery, joined, mean_figures, measure_queries, without_ties
from components.index.code_table import PlacedCodes
from components.retrieval.ball import hamming_balls
from components.retrieval.chance import chance_histogram
from components.retrieval.euclidean import EuclideanCounter
from components.retrieval.histogram import RelevanceCounter
from components.retrieval.threads import map_ranges


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
