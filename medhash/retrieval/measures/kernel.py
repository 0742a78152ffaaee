"""The compiled counter of (relevance level, Hamming distance) buckets, for problems too large for numpy."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np


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
