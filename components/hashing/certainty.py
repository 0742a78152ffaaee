"""How sure a model is of a code: of each bit, of each attribute's values, and which fuzzy rules made it."""

from dataclasses import dataclass

import numpy as np

from components.contracts import FULL_CONFIDENCE


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
