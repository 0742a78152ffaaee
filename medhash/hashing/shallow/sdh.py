"""Supervised deep hashing, SDH: DH whose codes also spread unlike images and gather like ones."""

from collections.abc import Callable

import numpy as np

from medhash.hashing.shallow.dh import VARIANCE, code_loss
from medhash.hashing.shallow.layers import CodeLoss, fit_layers
from medhash.hashing.shallow.linear import Tensors, checked
from medhash.hashing.shallow.similarity import need_both_kinds

SCATTER = 1.0
"""α."""


def fit_sdh(features: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Tensors:
    """DH's J - (λ1 α/2) tr(Σ_B - Σ_W), Σ_B and Σ_W the mean of (h_i - h_j)(h_i - h_j)ᵀ over pairs that share no label
    and pairs that share one; α = 1.

    All pairs of training images count. features: float32, (N, D); labels: multi-hot, (N, C); seed: unread.
    Raises MedhashError if no two images share a label or all do, or as `fit_layers` does.
    Source: Liong et al., Deep Hashing for Compact Binary Codes Learning (CVPR 2015), §3.3; deviation as in DH.
    """
    checked(features)  # before the labels: without images they teach nothing either
    scatter = scatter_loss(labels)

    def loss(h: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = code_loss(h)
        scatter_value, scatter_slope = scatter(h)
        return value + scatter_value, slope + scatter_slope

    return fit_layers(features, bits, loss)


def scatter_loss(labels: np.ndarray) -> CodeLoss:
    """H ↦ -(λ1 α/2) tr(Σ_B - Σ_W) and its gradient.

    With S = [a label shared], Σ_ij S_ij ||h_i - h_j||² = 2 tr Hᵀ P and has the gradient 4 P, P = (S1) ∘ H - S H.
    Images of one label set have the same partners, so S is never built.
    """
    times_similar = similarity_product(labels)
    degree = times_similar(np.ones((len(labels), 1)))
    own = (labels > 0).any(axis=1)  # an image that is like itself
    n_images = len(labels)
    n_similar = int(degree.sum()) - int(own.sum())
    n_pairs = n_images * (n_images - 1)
    need_both_kinds(n_similar, n_pairs)

    def loss(h: np.ndarray) -> tuple[float, np.ndarray]:
        similar = degree * h - times_similar(h)  # pairs i = i cancel
        dissimilar = n_images * h - h.sum(axis=0) - similar
        pull = dissimilar / (n_pairs - n_similar) - similar / n_similar
        weight = VARIANCE * SCATTER
        return float(-weight * (h * pull).sum()), -2 * weight * pull

    return loss


def similarity_product(labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """V ↦ S V, (N, K), without S: O(N K + U² K) for U different label sets."""
    sets, of_image = np.unique(labels > 0, axis=0, return_inverse=True)
    share = (sets.astype(np.float64) @ sets.T > 0).astype(np.float64)  # (U, U)
    order = np.argsort(of_image, kind="stable")
    starts = np.searchsorted(of_image[order], np.arange(len(sets)))

    def product(values: np.ndarray) -> np.ndarray:
        result: np.ndarray = (share @ np.add.reduceat(values[order], starts, axis=0))[of_image]
        return result

    return product
