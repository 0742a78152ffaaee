"""Binary codes from relaxed ones, and their confidence: of bits, attribute values and fuzzy rules."""

from dataclasses import dataclass

import numpy as np

from medhash.core.errors import MedhashError

FULL_CONFIDENCE = 255
"""The byte that stores a bit's confidence of 1."""


def binarise(relaxed: np.ndarray) -> np.ndarray:
    """b = sgn(h) with sgn(0) = +1, packed: bit k of a code is 1 where h_k ≥ 0, bit 0 the highest of byte 0.

    relaxed: (N, K), K a multiple of 8. Returns uint8, (N, K/8).
    Raises MedhashError if a value is not a number, or K is no multiple of 8.
    """
    if relaxed.shape[1] % 8:
        raise MedhashError(
            f"a code of {relaxed.shape[1]} bits does not fill whole bytes",
            "choose a number of bits that is a multiple of 8",
        )
    if np.isnan(relaxed).any():
        row = int(np.isnan(relaxed).any(axis=1).argmax())
        raise MedhashError(
            f"the model gives image {row} of the batch a code that is not a number",
            "train the model again; its weights have diverged",
        )
    return np.packbits(relaxed >= 0, axis=1)


@dataclass(frozen=True)
class Certainty:
    """Of n bags."""

    bits: np.ndarray
    """uint8, (n, K): |h| of each bit in 255ths; 0 is a coin toss."""
    membership: np.ndarray | None
    """float32, (n, V): membership in each value of each attribute of ModelSpec.attributes, one attribute after the
    other; those of one attribute sum to 1. None of a model without attributes."""
    firing: np.ndarray | None
    """float32, (n, R): firing level of each rule of HashModel.rules; they sum to 1. None of a model without rules."""


def bit_confidence(relaxed: np.ndarray) -> np.ndarray:
    """uint8, (n, K), of relaxed codes, float (n, K), those beyond ±1 taken as ±1."""
    confidence: np.ndarray = np.rint(np.minimum(np.abs(relaxed), 1.0) * FULL_CONFIDENCE).astype(np.uint8)
    return confidence
