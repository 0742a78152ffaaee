"""Deep hashing, DH: a small tanh network on features whose codes are near ±1 and vary."""

import numpy as np

from medhash.hashing.shallow.layers import fit_layers
from medhash.hashing.shallow.linear import Tensors

VARIANCE = 100.0
"""λ1."""


def fit_dh(features: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Tensors:
    """J = (1/2N) ||B - H||²_F - (λ1/2N) tr(H Hᵀ) + λ2/2 Σ ||WᵀW - I||² + λ3/2 Σ (||W||² + ||c||²), B = sgn(H).

    λ1 = 100, λ2 = λ3 = 0.001; the network and its training are `layers.fit_layers`'s.
    features: float32, (N, D); labels and seed: unread. Raises MedhashError as `fit_layers` does.
    Source: Liong, Lu, Wang, Moulin & Zhou, Deep Hashing for Compact Binary Codes Learning (CVPR 2015), §3.1-3.2.
    Deviation: the quantisation term is averaged over images like the variance term, where the paper sums it: else
    λ1 would mean less the more images there are.
    """
    return fit_layers(features, bits, code_loss)


def code_loss(h: np.ndarray) -> tuple[float, np.ndarray]:
    """(1/2N) ||sgn(H) - H||² - (λ1/2N) tr(H Hᵀ), and its gradient, sgn(H) held fixed. h: (N, K)."""
    gap = h - np.where(h >= 0, 1.0, -1.0)
    value = (np.square(gap).sum() - VARIANCE * np.square(h).sum()) / (2 * len(h))
    return float(value), (gap - VARIANCE * h) / len(h)
