"""Decoding on several cores with a bounded number of images under way."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import NamedTuple

import cv2

from medhash.archives.decode import Decoded, decode_bytes
from medhash.archives.integrity import Unreadable
from medhash.archives.preparation import Preparation, Regions
from medhash.core.errors import MedhashError

_PER_WORKER = 4
"""Images under way per process: enough to keep it busy, few enough to keep memory flat."""

ALONE_BYTES = 16 << 20
"""So much is decoded in this process before others are started: a small archive is done by then."""

DecodeResult = Decoded | Unreadable


class Wanted(NamedTuple):
    """What is decoded: the file of that digest, and the regions of it that its row points at."""

    sha256: str
    regions: Regions = ()


def decode_all(
    images: Iterable[tuple[Wanted, bytes]], preparation: Preparation, workers: int
) -> Generator[tuple[Wanted, DecodeResult]]:
    """Decode (wanted, bytes) pairs to (wanted, result) pairs in the same order, pulling a few ahead of the slowest.

    workers: processes; 1 decodes in this one, which also takes the first few.
    Raises MedhashError if a process is killed, for want of memory say.
    """
    cv2.setNumThreads(1)
    remaining = iter(images)
    n_bytes = 0
    for wanted, data in remaining:
        yield wanted, _decode(data, preparation, wanted.regions)
        n_bytes += len(data)
        if workers > 1 and n_bytes > ALONE_BYTES:
            break
    else:
        return
    # spawn: a fork of a process with threads may deadlock
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare_worker)
    under_way: deque[tuple[Wanted, Future[DecodeResult]]] = deque()
    try:
        for wanted, data in remaining:
            under_way.append((wanted, pool.submit(_decode, data, preparation, wanted.regions)))
            if len(under_way) >= _PER_WORKER * workers:
                done, future = under_way.popleft()
                yield done, future.result()
        while under_way:
            done, future = under_way.popleft()
            yield done, future.result()
    except BrokenProcessPool as error:
        raise MedhashError(
            "a decoding process was killed, perhaps for want of memory",
            "run again with fewer ingest.workers; what was decoded is kept",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def n_workers(setting: int) -> int:
    """Processes for the setting ingest.workers: 0 means one per core that this process may use."""
    return setting or len(os.sched_getaffinity(0))


def _decode(data: bytes, preparation: Preparation, regions: Regions) -> DecodeResult:
    try:
        return decode_bytes(data, preparation, regions)
    except Unreadable as error:
        return error


def _prepare_worker() -> None:
    """One thread per process; Ctrl-C is the parent's to answer; a killed parent takes its workers along."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
