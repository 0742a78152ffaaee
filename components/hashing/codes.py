"""Binary codes from relaxed ones."""

import numpy as np

from components.errors import MedhashError


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
