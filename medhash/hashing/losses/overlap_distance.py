"""Overlap loss: how many bits two codes lie apart says how much of their labels they share."""

import torch

from medhash.hashing.losses.pairs import different_images, mean_over_pairs


def overlap_distance_loss(h: torch.Tensor, labels: torch.Tensor, reach: float) -> torch.Tensor:
    """log cosh of how far distances lie from reach · K · (1 - Jaccard), over pairs i ≠ j, in bits, divided by K.

    d_ij = (K - ⟨h_i, h_j⟩) / 2, J_ij = |Y_i ∩ Y_j| / |Y_i ∪ Y_j|
    L = mean over pairs with J > 0 of ℓ_ij + mean over the others, ℓ_ij = log cosh(d_ij - reach K (1 - J_ij)) / K

    h: (N, K), in [-1, 1]; labels: multi-hot, (N, C), no row empty. reach: distance of codes that share nothing, as a
    share of K. Returns a scalar ≥ 0; a kind of pair that the batch does not have costs nothing.
    Source: structured hashing, objective 3: the targets K (1 - J) and the log cosh penalty are its public code's.
    Deviations: reach (1 in the source; more than two codes cannot all be opposites of each other), the mean over each
    kind of pair, and the division by K.
    """
    bits = h.shape[1]
    shared = labels @ labels.T
    sizes = labels.sum(dim=1)
    jaccard = shared / (sizes[:, None] + sizes[None, :] - shared).clamp(min=1)
    excess = ((bits - h @ h.T) / 2 - reach * bits * (1 - jaccard)).abs()
    cost = (excess + torch.log1p(torch.exp(-2 * excess)) - torch.log(excess.new_tensor(2.0))) / bits  # no overflow
    others = different_images(len(h), h.device)
    return mean_over_pairs(cost, (shared > 0) & others) + mean_over_pairs(cost, (shared == 0) & others)
