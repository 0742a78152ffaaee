"""Soft pairwise similarity loss: the inner product of two codes follows how much of their labels is shared."""

import torch
from torch.nn.functional import logsigmoid

from medhash.hashing.losses.pairs import different_images, mean_over_pairs


def soft_similarity_loss(h: torch.Tensor, labels: torch.Tensor, slope: float, soft_weight: float) -> torch.Tensor:
    """Mean over pairs i ≠ j of a cross-entropy where s is 0 or 1, and of a squared error in bits between.

    s_ij = cosine of the two multi-hot label vectors
    s ∈ {0, 1}:  log(1 + exp(x)) - s x, x = slope · ⟨h_i, h_j⟩
    0 < s < 1:   soft_weight · ((⟨h_i, h_j⟩ + K)/2 - s K)²

    h: relaxed codes, (N, K). labels: multi-hot, (N, C); an image without labels has s = 0 with all. Returns a
    scalar ≥ 0. Source: Zhang et al., Improved Deep Hashing with Soft Pairwise Similarity (2019).
    Deviation: mean where the paper sums over pairs.
    """
    bits = h.shape[1]
    multi_hot = labels.to(h.dtype)
    shared = multi_hot @ multi_hot.T  # (N, N), whole numbers
    n_labels = multi_hot.sum(dim=1)
    similarity = shared / (n_labels[:, None] * n_labels[None, :]).clamp(min=1).sqrt()
    equal = (shared == n_labels[:, None]) & (shared == n_labels[None, :]) & (shared > 0)
    inner = h @ h.T
    hard = -logsigmoid(slope * torch.where(equal, inner, -inner))
    soft = soft_weight * ((inner + bits) / 2 - similarity * bits).square()
    return mean_over_pairs(torch.where(equal | (shared == 0), hard, soft), different_images(len(h), h.device))
