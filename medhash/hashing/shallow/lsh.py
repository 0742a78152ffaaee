"""Locality-sensitive hashing: signs of random projections."""

import numpy as np

from medhash.hashing.shallow.linear import Tensors, centred, fitted


def fit_lsh(features: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Tensors:
    """Centre X, then b = sgn((x - mean) W), W ~ N(0, 1).

    Two images at angle θ (seen from the mean) share a bit with probability 1 - θ/π.
    features: float32, (N, D); labels: unread. Raises MedhashError if bits > D, or for `checked`'s reasons.
    Source: Charikar, Similarity Estimation Techniques from Rounding Algorithms (2002); Slaney & Casey 2008.
    """
    x, mean = centred(features, bits)
    return fitted(mean, np.random.default_rng(seed).standard_normal((x.shape[1], bits)))
