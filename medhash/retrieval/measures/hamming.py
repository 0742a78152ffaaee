"""Hamming distances between packed binary codes."""

import numpy as np

_WORDS = (np.uint64, np.uint32, np.uint16, np.uint8)


def hamming_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Number of bits in which each query differs from each gallery code.

    queries: uint8, (Q, B); gallery: uint8, (N, B), B bytes of packed bits. Returns uint8 (uint16 from
    256 bits on), (Q, N); the caller chunks the queries. Raises ValueError if the widths differ.
    """
    queries, gallery = as_words(queries), as_words(gallery)
    if queries.dtype != gallery.dtype or queries.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"queries have {queries.shape[1] * queries.itemsize} bytes per code, the gallery "
            f"{gallery.shape[1] * gallery.itemsize}"
        )
    longest = 8 * queries.shape[1] * queries.itemsize
    distances = np.bitwise_count(queries[:, 0, None] ^ gallery[None, :, 0])
    distances = distances.astype(np.uint8 if longest < 256 else np.uint16, copy=False)
    for word in range(1, queries.shape[1]):
        distances += np.bitwise_count(queries[:, word, None] ^ gallery[None, :, word])
    return distances


def as_words(codes: np.ndarray) -> np.ndarray:
    """View packed codes as the widest unsigned integers that fit: (N, B) uint8 → (N, B / word bytes)."""
    codes = np.ascontiguousarray(codes, np.uint8)
    word = next(word for word in _WORDS if codes.shape[1] % np.dtype(word).itemsize == 0)
    return codes.view(word)
