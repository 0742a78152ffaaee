"""Work on ranges of queries by several threads; results in the order of the ranges, whatever their number."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

_BLOCK_PAIRS = 1 << 18
"""Pairs handled at once: the work arrays stay within a few MB, even where one patient has the whole gallery."""


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


_Result = TypeVar("_Result")


def available_threads() -> int:
    """OMP_NUM_THREADS where it is set, as torch and FAISS take it; otherwise the cores this process may use."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(setting)) if setting.isdecimal() else len(os.sched_getaffinity(0))


def map_ranges(
    function: Callable[[int, int], _Result], ranges: Sequence[tuple[int, int]], threads: int | None
) -> list[_Result]:
    """[function(start, stop) for each range], by `threads` threads (None: `available_threads`).

    The function must depend on its range alone; then the result does not depend on the number of threads.
    """
    threads = min(threads or available_threads(), len(ranges))
    if threads <= 1:
        return [function(start, stop) for start, stop in ranges]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda bounds: function(*bounds), ranges))
