"""GIST of a whole pixel store, a block of images per process."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from tqdm import tqdm

from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file
from medhash.hashing.gist import gist_of_kind, n_values

_BLOCK = 64


def compute_features(pixels: Path, target: Path, kind: str, workers: int) -> int:
    """Write GIST of that kind, float32 (images, 512 or 1024), a row per row of the pixel store; return their number.

    pixels: .npy, uint8 (images, channels, size, size). kind: gist-512 or gist-1024. workers: processes; the result
    does not depend on it.
    Raises MedhashError if there is no pixel store or it is empty.
    """
    if not pixels.exists():
        raise MedhashError(
            f"{pixels} does not exist: there are no pixels to compute features of",
            "run ingest with the archive's images (ingest.metadata_only: false)",
        )
    n_images = len(np.load(pixels, mmap_mode="r"))
    if n_images == 0:
        raise MedhashError(f"{pixels} holds no image", "run ingest with the archive's images")
    starts = range(0, n_images, _BLOCK)
    with replacing_file(target) as temporary:
        features = np.lib.format.open_memmap(temporary, "w+", np.float32, (n_images, n_values(kind)))
        with tqdm(total=n_images, desc="features", unit="image", disable=None) as progress:
            for start, block in zip(starts, _blocks(pixels, starts, kind, workers), strict=True):
                features[start : start + len(block)] = block
                progress.update(len(block))
        features.flush()
    return n_images


def _blocks(pixels: Path, starts: range, kind: str, workers: int) -> Iterator[np.ndarray]:
    if workers == 1 or len(starts) == 1:
        yield from map(_block, repeat(pixels), starts, repeat(kind))
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of threads that do not exist there
    with ProcessPoolExecutor(min(workers, len(starts)), context) as pool:
        yield from pool.map(_block, repeat(pixels), starts, repeat(kind))


def _block(pixels: Path, start: int, kind: str) -> np.ndarray:
    return gist_of_kind(kind, np.asarray(np.load(pixels, mmap_mode="r")[start : start + _BLOCK]))


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
