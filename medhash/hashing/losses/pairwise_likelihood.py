"""Pairwise likelihood loss: the inner product of two codes should tell whether their images are similar."""

import torch
from torch.nn.functional import logsigmoid

from medhash.hashing.losses.pairs import different_images, mean_over_pairs


def pairwise_likelihood_loss(
    h: torch.Tensor, similar: torch.Tensor, slope: float, balanced: bool = False
) -> torch.Tensor:
    """Negative log likelihood of s_ij under P(s_ij = 1) = sigmoid(slope · ⟨h_i, h_j⟩), over pairs i ≠ j.

    ℓ_ij = log(1 + exp(slope ⟨h_i, h_j⟩)) - s_ij · slope ⟨h_i, h_j⟩
    plain: mean of ℓ over all pairs; balanced: Σ w_ij ℓ_ij / |S| with w = |S| / |S₁| for the similar and |S| / |S₀|
    for the dissimilar pairs of the batch, so the mean over the similar plus the mean over the dissimilar pairs.

    h: network outputs, (N, K). similar: bool, (N, N); its diagonal is ignored. Returns a scalar ≥ 0; a kind of pair
    that the batch does not have costs nothing.
    Source: plain, slope ½: Li et al., DPSH (2016); balanced: Cao et al., HashNet (2017), weighted maximum likelihood.
    Deviations: means where the papers sum; S₁ and S₀ are the batch's; HashNet's c_ij, a further weight by the share
    of common labels, is 1.
    """
    inner = slope * (h @ h.T)
    cost = -logsigmoid(torch.where(similar, inner, -inner))  # neither exp nor log on its own: nothing overflows
    others = different_images(len(h), h.device)
    if balanced:
        return mean_over_pairs(cost, similar & others) + mean_over_pairs(cost, ~similar & others)
    return mean_over_pairs(cost, others)
