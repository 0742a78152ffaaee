"""For each query: how many gallery items of other patients lie at each distance, by their label set.

These counts give a ranking's measures under any labels of the query, without ranking again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from medhash.retrieval.measures.hamming import hamming_distances
from medhash.retrieval.measures.histogram import OwnPatientPairs


@dataclass(frozen=True)
class SetCounter:
    """Counts C[d, t] of one query: items of group d, nearest first, that carry the gallery's t-th label set.

    Items of one group are tied. Memory: O(groups · sets) a query, never queries × gallery.
    """

    sets: np.ndarray
    """int64, (T,): the label sets that the gallery carries, ascending."""
    n_queries: int
    _group_of_items: Callable[[int], tuple[np.ndarray, int]]
    """Query → the group of each gallery item, int (N,), and the number of groups."""
    _set_of_items: np.ndarray
    _own: OwnPatientPairs

    def count(self, query: int) -> np.ndarray:
        """int64, (groups, T)."""
        groups, n_groups = self._group_of_items(query)
        cells = groups * np.int64(len(self.sets)) + self._set_of_items
        counts = np.bincount(cells, minlength=n_groups * len(self.sets))
        own = self._own.items_of(query)
        np.subtract.at(counts, cells[own], 1)
        return counts.reshape(n_groups, len(self.sets))


def count_by_hamming(
    query_codes: np.ndarray,
    gallery_codes: np.ndarray,
    gallery_sets: np.ndarray,
    query_patients: np.ndarray,
    gallery_patients: np.ndarray,
) -> SetCounter:
    """Groups are the Hamming distances 0 … K. Codes: uint8, packed, (Q, K/8) and (N, K/8)."""
    n_groups = 8 * gallery_codes.shape[1] + 1

    def distances(query: int) -> tuple[np.ndarray, int]:
        return hamming_distances(query_codes[query, None], gallery_codes)[0].astype(np.int64), n_groups

    return _counter(len(query_codes), distances, gallery_sets, query_patients, gallery_patients)


def count_by_euclidean(
    query_codes: np.ndarray,
    gallery_codes: np.ndarray,
    gallery_sets: np.ndarray,
    query_patients: np.ndarray,
    gallery_patients: np.ndarray,
) -> SetCounter:
    """Groups are the distinct Euclidean distances. Codes: relaxed, float32, (Q, K) and (N, K)."""

    def ranks(query: int) -> tuple[np.ndarray, int]:
        squared = np.square(gallery_codes.astype(np.float64) - query_codes[query]).sum(axis=1)
        distinct, group = np.unique(squared, return_inverse=True)
        return group, len(distinct)

    return _counter(len(query_codes), ranks, gallery_sets, query_patients, gallery_patients)


def _counter(
    n_queries: int,
    group_of_items: Callable[[int], tuple[np.ndarray, int]],
    gallery_sets: np.ndarray,
    query_patients: np.ndarray,
    gallery_patients: np.ndarray,
) -> SetCounter:
    sets, of_items = np.unique(gallery_sets, return_inverse=True)
    own = OwnPatientPairs(query_patients, gallery_patients)
    return SetCounter(sets.astype(np.int64), n_queries, group_of_items, of_items.astype(np.int64), own)
