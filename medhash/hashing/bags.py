"""Bags as packed arrays of instances: where they start, their order, and codes by majority vote."""

import hashlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from medhash.core.errors import MedhashError


def check_starts(starts: np.ndarray, n_instances: int) -> np.ndarray:
    """`starts` as int64 (n + 1,): bag b is [starts[b], starts[b + 1]).

    Raises MedhashError if they do not cut the n_instances into bags of at least one.
    """
    starts = np.asarray(starts, np.int64)
    if starts.ndim != 1 or not len(starts) or starts[0] != 0 or starts[-1] != n_instances:
        raise MedhashError(
            f"the places where bags start do not cut {n_instances} images into bags",
            "they begin with 0 and end with the number of images",
        )
    empty = np.flatnonzero(np.diff(starts) < 1)
    if len(empty):
        raise MedhashError(f"bag {empty[0]} holds no image", "a bag has one image at least: leave out empty ones")
    return starts


def bags_of_one(n_bags: int) -> np.ndarray:
    """The starts of bags that hold one instance each."""
    return np.arange(n_bags + 1, dtype=np.int64)


def starts_of(sizes: np.ndarray) -> np.ndarray:
    """The starts of packed bags of these sizes, int64 (n + 1,)."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def members_of(starts: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The positions of all instances of the chosen bags, bag after bag: int64."""
    sizes = np.diff(starts)[chosen]
    within = np.arange(int(sizes.sum()), dtype=np.int64) - np.repeat(starts_of(sizes)[:-1], sizes)
    return within + np.repeat(starts[:-1][chosen], sizes)


def content_order(inputs: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Positions that put the instances of each bag into an order that depends on their content alone, int64 (m,).

    inputs: (m, ...), one instance after the other. They are sorted by SHA-256 of their bytes, so that whatever is
    computed from a bag does not depend on the order in which its instances came, to the last digit.
    """
    order = np.arange(len(inputs), dtype=np.int64)
    for start, stop in pairwise(starts.tolist()):
        if stop - start > 1:
            digests = [
                hashlib.sha256(np.ascontiguousarray(inputs[row]).tobytes()).digest() for row in range(start, stop)
            ]
            order[start:stop] = start + np.array(sorted(range(stop - start), key=digests.__getitem__))
    return order


def whole_bags(starts: np.ndarray, n_instances: int) -> Iterator[slice]:
    """Consecutive slices of bags that hold at most n_instances together; a larger bag is a slice by itself."""
    first, n_bags = 0, len(starts) - 1
    while first < n_bags:
        last = int(np.searchsorted(starts, starts[first] + n_instances, side="right")) - 1
        last = max(last, first + 1)
        yield slice(first, last)
        first = last


def vote(relaxed: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Relaxed codes of bags whose signs are the majority's: float32, (n, K).

    Each instance votes ±1 for each bit, +1 where h ≥ 0; the votes are counted in integers. Where they are even, the
    sign of the sum of the relaxed values decides (≥ 0 is +1). The value is the mean over the instances that voted
    with the majority, and over all of them where votes are even; so a bag of one keeps its relaxed code unchanged.
    Sums are in double precision and in the order given, which HashModel makes that of the content.

    relaxed: instances' relaxed codes, (m, K); starts: int64, (n + 1,). Source: ours; two-step hashing of bags.
    """
    if len(starts) - 1 == len(relaxed):
        return relaxed.astype(np.float32, copy=False)
    first = starts[:-1]
    sizes = np.diff(starts)[:, None]
    positive = relaxed >= 0  # (m, K)
    n_positive = np.add.reduceat(positive.astype(np.int64), first, axis=0)  # (n, K)
    h = relaxed.astype(np.float64)
    sum_positive = np.add.reduceat(np.where(positive, h, 0), first, axis=0)
    sum_negative = np.add.reduceat(np.where(positive, 0, h), first, axis=0)
    balance = 2 * n_positive - sizes
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.select(
            [balance > 0, balance < 0],
            [sum_positive / n_positive, sum_negative / (sizes - n_positive)],
            np.add.reduceat(h, first, axis=0) / sizes,
        )
    return value.astype(np.float32)
