"""Relevance histogram: how many gallery items each query has at each distance and relevance level.

Hamming distances are the integers 0 … K, so these counts hold all that a ranking measure can know: what lies
at one distance is tied. Every measure of this package is computed from them, without a sort.
"""

import numpy as np

from medhash.retrieval.measures.hamming import hamming_distances
from medhash.retrieval.measures.kernel import as_uint64, compiled_counter
from medhash.retrieval.measures.own_patient import OwnPatientPairs

KERNEL_PAIRS = 50_000_000
"""From so many pairs on, compiling the counter costs less than numpy would; below, numpy counts."""
_CHUNK_CELLS = 1 << 17
"""Histogram cells counted at once: 1 MB, so that the measures' work arrays stay in the processor's cache."""


class RelevanceCounter:
    """Counts T[q, d, l] = number of gallery items of another patient at distance d from q whose level is l.

    query_codes, gallery_codes: uint8, (Q, B) and (N, B), packed bits, K = 8 B; query_sets, gallery_sets: int,
    (Q,) and (N,), row of `levels`; levels: int, (S, S), number of shared labels of two label sets;
    query_patients, gallery_patients: (Q,) and (N,), any sortable ids: pairs of one patient are left out.
    Needs O(Q + N) memory beside the part of T that is asked for, never Q × N. May be shared by threads.
    Raises ValueError if the codes differ in width.
    """

    def __init__(
        self,
        query_codes: np.ndarray,
        gallery_codes: np.ndarray,
        query_sets: np.ndarray,
        gallery_sets: np.ndarray,
        levels: np.ndarray,
        query_patients: np.ndarray,
        gallery_patients: np.ndarray,
    ) -> None:
        if query_codes.shape[1] != gallery_codes.shape[1]:
            raise ValueError(
                f"queries have {query_codes.shape[1]} bytes per code, the gallery {gallery_codes.shape[1]}"
            )
        self.n_queries, self.n_distances = len(query_codes), 8 * query_codes.shape[1] + 1
        self.n_levels = int(levels.max(initial=0)) + 1
        self._query_codes, self._gallery_codes = query_codes, gallery_codes
        self._query_sets, self._gallery_sets = query_sets.astype(np.int64), gallery_sets.astype(np.int64)
        self._levels = np.ascontiguousarray(levels, np.int64)
        self._own = OwnPatientPairs(query_patients, gallery_patients)
        self._compiled = len(query_codes) * len(gallery_codes) >= KERNEL_PAIRS
        if self._compiled:
            compiled_counter()  # here, not by several threads at once
            order = np.argsort(self._gallery_sets, kind="stable")
            self._query_words, self._gallery_words = as_uint64(query_codes), as_uint64(gallery_codes[order])
            self._run_sets, starts = np.unique(self._gallery_sets[order], return_index=True)
            self._run_starts = np.append(starts, len(gallery_codes))

    def count(self, start: int, stop: int) -> np.ndarray:
        """T of the queries start … stop - 1: int64, (stop - start, K + 1, L + 1), L the highest level."""
        by_level = np.zeros((self.n_levels, stop - start, self.n_distances), np.int64)
        if self._compiled:
            compiled_counter()(
                self._query_words[start:stop],
                self._gallery_words,
                self._query_sets[start:stop],
                self._run_sets,
                self._run_starts,
                self._levels,
                self.n_distances,
                by_level,
            )
        else:
            self._count_by_numpy(start, stop, by_level)
        histogram = np.moveaxis(by_level, 0, 2)  # one level's counts lie together: measures sum levels
        for queries, items in self._own.blocks(start, stop):
            distance = np.bitwise_count(self._query_codes[queries] ^ self._gallery_codes[items]).sum(axis=1, dtype=int)
            level = self._levels[self._query_sets[queries], self._gallery_sets[items]]
            np.subtract.at(histogram, (queries - start, distance, level), 1)
        return histogram

    def chunks(self) -> list[tuple[int, int]]:
        """Ranges (start, stop) of queries whose histograms have a size that is quick to work on."""
        step = max(1, _CHUNK_CELLS // (self.n_distances * self.n_levels))
        return [(start, min(start + step, self.n_queries)) for start in range(0, self.n_queries, step)]

    def _count_by_numpy(self, start: int, stop: int, out: np.ndarray) -> None:
        cells, sets = np.empty(len(self._gallery_codes), np.int64), self._query_sets[start:stop]
        for set_id in np.unique(sets):
            # One look-up of the gallery's levels serves all queries that carry the same label set.
            first_cell = (self._levels[set_id] * self.n_distances)[self._gallery_sets]
            for row in np.flatnonzero(sets == set_id):
                distances = hamming_distances(self._query_codes[start + row, None], self._gallery_codes)[0]
                np.add(first_cell, distances, out=cells)
                counts = np.bincount(cells, minlength=self.n_levels * self.n_distances)
                out[:, row] = counts.reshape(self.n_levels, self.n_distances)


def relevance_histogram(
    query_codes: np.ndarray,
    gallery_codes: np.ndarray,
    query_sets: np.ndarray,
    gallery_sets: np.ndarray,
    levels: np.ndarray,
    query_patients: np.ndarray,
    gallery_patients: np.ndarray,
) -> np.ndarray:
    """T of all queries at once, on one thread: int64, (Q, K + 1, L + 1); arguments as of `RelevanceCounter`."""
    counter = RelevanceCounter(
        query_codes, gallery_codes, query_sets, gallery_sets, levels, query_patients, gallery_patients
    )
    return counter.count(0, counter.n_queries)
