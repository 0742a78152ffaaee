"""Work on ranges of queries by several threads; results in the order of the ranges, whatever their number."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
