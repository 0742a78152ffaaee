"""Exact nearest neighbours by a weighted Hamming distance, over the codes that the FAISS index holds."""

from collections.abc import Callable
from typing import NamedTuple

import faiss
import numpy as np

from medhash.core.errors import MedhashError
from medhash.retrieval.index import Index

_BLOCK = 1 << 14
"""Codes at a time: few enough that every intermediate result stays in the processor's second cache."""


class BitGroup(NamedTuple):
    """Bits of a word of a code that weigh the same."""

    mask: np.unsignedinteger | None
    """None: all of the word's."""
    weight: int


def preferred_neighbours(
    index: Index, code: np.ndarray, weights: np.ndarray, k: int, candidates: np.ndarray | None = None
) -> np.ndarray:
    """Positions, int64 (≤ k,), of the k entries of least Σ_b weights_b · [bit b differs], ties by position.

    code: uint8, (bits / 8,) or (1, bits / 8); weights: int64, (bits,), ≥ 0, their sum in an int64; candidates: bool,
    (n,), which entries may be found; None for all. Position order is bag_id order. Runs on the caller's thread.
    Raises MedhashError if the code's width is not the index's, or k < 1.
    """
    code = np.ascontiguousarray(code, np.uint8).reshape(-1)
    if 8 * len(code) != index.info.bits:
        raise MedhashError(
            f"the query's code has {8 * len(code)} bits, the index {index.info.bits}",
            "use the index that was built with the same model",
        )
    if k < 1:
        raise MedhashError(f"k is {k}", "ask for at least one neighbour")
    word = _word_of(len(code))
    words, query, terms = stored_codes(index).view(word), code.view(word), terms_of(weights, word)
    dtype = np.int32 if int(weights.sum()) <= np.iinfo(np.int32).max else np.int64
    return k_smallest(lambda block: _weighted_distances(words[block], query, terms, dtype), len(words), k, candidates)


def k_smallest(
    distances_of: Callable[[slice], np.ndarray], n: int, k: int, candidates: np.ndarray | None = None
) -> np.ndarray:
    """Positions, int64 (≤ k,), of the k least of n distances, ties by position.

    distances_of: the distances of a block of positions. candidates: bool, (n,); None for all.
    """
    found: list[np.ndarray] = []
    positions: list[np.ndarray] = []
    limit = None  # the k-th least distance so far: a later entry must be nearer to displace it
    for start in range(0, n, _BLOCK):
        block = slice(start, start + _BLOCK)
        distances = distances_of(block)
        kept = np.ones(len(distances), bool) if limit is None else distances < limit
        if candidates is not None:
            kept &= candidates[block]
        places = np.flatnonzero(kept)
        if not len(places):
            continue
        found.append(distances[places])
        positions.append(start + places)
        if sum(map(len, found)) >= 2 * k:  # not at every block: sorting a large k again would take longest
            kept_distances, kept_positions = _least(found, positions, k)
            found, positions, limit = [kept_distances], [kept_positions], kept_distances[-1]
    return _least(found, positions, k)[1]


def stored_codes(index: Index) -> np.ndarray:
    """The codes as the index holds them, uint8 (n, bits / 8), not copied: to be read, and only while the index is."""
    stored = index.faiss_index.xb
    view: np.ndarray = faiss.rev_swig_ptr(stored.data(), stored.size()).reshape(index.info.n, -1)
    view.flags.writeable = False
    return view


def distances_by_part(codes: np.ndarray, code: np.ndarray, ranges: list[tuple[int, int]]) -> np.ndarray:
    """Hamming distances within ranges of bits, int64 (n, ranges), of codes, uint8 (n, bits / 8), from one."""
    differ = np.unpackbits(codes ^ code.reshape(-1), axis=1)
    distances = np.empty((len(codes), len(ranges)), np.int64)
    for place, (start, stop) in enumerate(ranges):
        distances[:, place] = differ[:, start:stop].sum(axis=1)
    return distances


def terms_of(weights: np.ndarray, word: type[np.unsignedinteger]) -> dict[int, list[BitGroup]]:
    """Column of words → its bits by weight; those that weigh 0 are in none."""
    found: dict[int, list[BitGroup]] = {}
    for weight in sorted(set(weights.tolist()) - {0}):
        masks = np.packbits(weights == weight).view(word)
        for column in np.flatnonzero(masks).tolist():
            mask = None if masks[column] == np.iinfo(word).max else masks[column]
            found.setdefault(column, []).append(BitGroup(mask, weight))
    return found


def _word_of(n_bytes: int) -> type[np.unsignedinteger]:
    """The longest word that codes are made of without remainder."""
    return next(word for word in (np.uint64, np.uint32, np.uint16, np.uint8) if n_bytes % word().itemsize == 0)


def _weighted_distances(
    words: np.ndarray, query: np.ndarray, terms: dict[int, list[BitGroup]], dtype: type
) -> np.ndarray:
    distances: np.ndarray = np.zeros(len(words), dtype)
    for column, of_column in terms.items():
        differ = words[:, column] ^ query[column]
        for mask, weight in of_column:
            counts = np.bitwise_count(differ if mask is None else differ & mask)
            distances += np.multiply(counts, weight, dtype=dtype)
    return distances


def _least(distances: list[np.ndarray], positions: list[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k least by (distance, position); positions come in ascending order among equal distances."""
    if not distances:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    all_distances = np.concatenate(distances)
    order = np.argsort(all_distances, kind="stable")[:k]
    return all_distances[order], np.concatenate(positions)[order]
