"""Cauchy cross-entropy: similar codes within few bits of each other, dissimilar ones anywhere beyond."""

import torch
from torch.nn.functional import normalize

_NEAREST = 1e-6


def cauchy_loss(h: torch.Tensor, similarity: torch.Tensor, counted: torch.Tensor, gamma: float) -> torch.Tensor:
    """Cross-entropy of soft similarities t_ij under p_ij = γ / (γ + d_ij), over the pairs counted.

    d_ij = K/2 · (1 - cos(h_i, h_j)), bits;
    L = Σ t_ij (-log p_ij) / Σ t_ij + Σ (1 - t_ij) (-log(1 - p_ij)) / Σ (1 - t_ij)

    h: relaxed codes, (N, K); similarity: t, in [0, 1], (N, N); counted: bool, (N, N), without the diagonal; γ in bits.
    Returns a scalar ≥ 0; a kind of pair that the batch does not have costs nothing.
    Source: Cao et al., Deep Cauchy Hashing (CVPR 2018), eqs. (4), (7), with its cosine distance; structured hashing,
    objective 1. Deviation: soft t, and each kind of pair weighs one half, as the paper's w_ij do for hard ones.
    """
    direction = normalize(h, dim=1)
    distance = (h.shape[1] / 2 * (1 - direction @ direction.T)).clamp(min=_NEAREST)
    near = torch.log1p(distance / gamma)  # -log p
    far = torch.log1p(gamma / distance)  # -log (1 - p)
    similar, other = similarity * counted, (1 - similarity) * counted
    return _weighted_mean(near, similar) + _weighted_mean(far, other)


def _weighted_mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1e-12)
