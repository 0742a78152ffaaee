"""Relevance histogram: how many gallery items each query has at each distance and relevance level.

Hamming distances are the integers 0 … K, and items at one distance are tied. So these counts determine every ranking
measure, without a sort.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from medhash.retrieval.measures.hamming import hamming_distances

KERNEL_PAIRS = 50_000_000
"""From so many pairs on, compiling the counter costs less than numpy would; below, numpy counts."""
_BLOCK_PAIRS = 1 << 18
"""Pairs handled at once: the work arrays stay within a few MB, even where one patient has the whole gallery."""
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


class OwnPatientPairs:
    """All pairs (query, gallery item) that share a patient, listed on demand.

    query_patients, gallery_patients: (Q,) and (N,), any sortable ids.
    """

    def __init__(self, query_patients: np.ndarray, gallery_patients: np.ndarray) -> None:
        self._order = np.argsort(gallery_patients, kind="stable")
        in_order = np.asarray(gallery_patients)[self._order]
        self._first = np.searchsorted(in_order, query_patients, side="left")
        self._n_items = np.searchsorted(in_order, query_patients, side="right") - self._first  # (Q,)

    def blocks(self, start: int, stop: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows (query, item) of the pairs of queries start … stop - 1, a block at a time; int64, equally long.

        A block has at most 2^18 pairs and one query's more.
        """
        queries = start + np.flatnonzero(self._n_items[start:stop])
        block = np.cumsum(self._n_items[queries]) // _BLOCK_PAIRS
        for part in np.split(queries, np.flatnonzero(np.diff(block)) + 1):
            n_items = self._n_items[part]
            within = np.arange(n_items.sum()) - np.repeat(np.cumsum(n_items) - n_items, n_items)
            yield np.repeat(part, n_items), self._order[np.repeat(self._first[part], n_items) + within]

    def items_of(self, query: int) -> np.ndarray:
        """Rows of the gallery items of the query's own patient, int64."""
        first = self._first[query]
        items: np.ndarray = self._order[first : first + self._n_items[query]]
        return items


@lru_cache(maxsize=1)
def compiled_counter() -> Callable[..., None]:
    """count(queries, gallery, query_sets, run_sets, run_starts, levels, n_distances, out) with

    queries: uint64, (Q, W), and gallery: uint64, (N, W), W words of packed bits; query_sets: int64, (Q,); the gallery
    is sorted by label set: run r holds the set run_sets[r] from run_starts[r] to run_starts[r + 1]; levels: int64,
    (S, S); out: int64, (n_levels, Q, n_distances), overwritten. Runs without the GIL, so that threads may each count
    a part of the queries; the counts are integers, so they do not depend on who counts what.

    Within a run the relevance level is one, so a pair costs a popcount and an increment. Four tables are counted
    into in turn: the next increment of a bucket need not wait for the last one's store. Compiled once per process,
    with explicit types; not cached on disk, as numba's cache is pickled and wants a writable folder.
    """
    from numba import njit, types
    from numba.extending import intrinsic

    def typed(_context: Any, _word: Any) -> Any:
        return types.uint64(types.uint64), lambda _, builder, __, arguments: builder.ctpop(arguments[0])

    popcount: Any = intrinsic(typed)
    words, rows = types.uint64[:, ::1], types.int64[::1]

    # Unsigned places: a signed one would be tested for Python's negative indices at every pair.
    @njit((words, words, rows, rows, rows, types.int64[:, ::1], types.int64, types.int64[:, :, ::1]), nogil=True)
    def count(  # type: ignore[no-untyped-def]
        queries,
        gallery,
        query_sets,
        run_sets,
        run_starts,
        levels,
        n_distances,
        out,
    ):  # pragma: no cover
        n_levels = len(out)
        n_cells = n_distances * n_levels
        first, second = np.empty(n_cells, np.uint32), np.empty(n_cells, np.uint32)
        third, fourth = np.empty(n_cells, np.uint32), np.empty(n_cells, np.uint32)
        one = np.uint32(1)
        for query in range(len(queries)):
            first[:], second[:], third[:], fourth[:] = 0, 0, 0, 0
            for run in range(len(run_sets)):
                base = np.uint64(levels[query_sets[query], run_sets[run]] * n_distances)
                codes = gallery[run_starts[run] : run_starts[run + 1]]
                if queries.shape[1] == 1:
                    word = queries[query, 0]
                    whole = len(codes) // 4 * 4
                    for item in range(0, whole, 4):
                        first[base + popcount(word ^ codes[item, 0])] += one
                        second[base + popcount(word ^ codes[item + 1, 0])] += one
                        third[base + popcount(word ^ codes[item + 2, 0])] += one
                        fourth[base + popcount(word ^ codes[item + 3, 0])] += one
                    for item in range(whole, len(codes)):
                        first[base + popcount(word ^ codes[item, 0])] += one
                else:
                    for item in range(len(codes)):
                        place = base
                        for column in range(queries.shape[1]):
                            place += popcount(queries[query, column] ^ codes[item, column])
                        if item & 1:
                            first[place] += one
                        else:
                            second[place] += one
            for level in range(n_levels):
                for distance in range(n_distances):
                    cell = level * n_distances + distance
                    out[level, query, distance] = np.int64(first[cell] + second[cell] + third[cell] + fourth[cell])

    compiled: Callable[..., None] = count
    return compiled


def as_uint64(codes: np.ndarray) -> np.ndarray:
    """Packed codes, uint8 (N, B), as uint64 (N, ⌈B / 8⌉), filled up with zero bits, which no two codes differ in."""
    n_words = -(-codes.shape[1] // 8)
    padded = np.zeros((len(codes), 8 * n_words), np.uint8)
    padded[:, : codes.shape[1]] = codes
    return padded.view(np.uint64)
