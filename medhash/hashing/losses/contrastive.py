"""Contrastive loss: similar images near each other, dissimilar ones a margin apart."""

import torch

from medhash.hashing.losses.pairs import different_images, mean_over_pairs


def contrastive_loss(h: torch.Tensor, similar: torch.Tensor, margin: float) -> torch.Tensor:
    """Mean over pairs i ≠ j of ½ s d² + ½ (1 - s) max(margin - d², 0), d² = ||h_i - h_j||².

    h: network outputs, (N, K), unbounded. similar: bool, (N, N); its diagonal is ignored. margin: in squared units
    of h; two codes of ±1 that differ in n bits are d² = 4 n apart. Returns a scalar ≥ 0, 0 without a pair.
    Source: Liu et al., Deep Supervised Hashing (2016), relaxed form, all pairs of the batch. Deviation: mean where
    the paper sums over pairs.
    """
    squared = h.square().sum(dim=1)
    distance = (squared[:, None] + squared[None, :] - 2 * h @ h.T).clamp(min=0)  # (N, N)
    cost = torch.where(similar, distance, torch.relu(margin - distance)) / 2
    return mean_over_pairs(cost, different_images(len(h), h.device))
