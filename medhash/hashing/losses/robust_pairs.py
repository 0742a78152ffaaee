"""Robust pairwise loss: similar codes near each other, dissimilar ones a margin apart, outliers held in check."""

from typing import Literal

import torch

from medhash.hashing.losses.pairs import mean_over_pairs

_FLOOR = 1e-6
"""Under the root, in shares of the bits: at 0 its gradient would be infinite."""
Penalty = Literal["huber", "tukey", "none"]


def pair_residuals(h: torch.Tensor, similar: torch.Tensor, margin: float) -> torch.Tensor:
    """e_ij = s d² + (1 - s) max(0, m - d)², d_ij = ||h_i - h_j|| / (2 √K), m = √margin.

    h: relaxed codes, (N, K); similar: bool, (N, N). Returns (N, N), ≥ 0. Of codes of ±1, d² is the share of the bits
    in which they differ, so that it lies in [0, 1], and `margin` is the share of bits beyond which a dissimilar pair
    costs nothing. At d = 0 a dissimilar pair has the residual `margin` and no gradient: no direction leads away.
    """
    squared_norm = h.square().sum(dim=1)
    squared = (squared_norm[:, None] + squared_norm[None, :] - 2 * h @ h.T).clamp(min=0) / (4 * h.shape[1])
    apart = torch.relu(margin**0.5 - torch.sqrt(squared + _FLOOR)).square()
    return torch.where(similar, squared, apart)


def penalise(e: torch.Tensor, penalty: Penalty, scale: float) -> torch.Tensor:
    """ρ(e) of residuals e ≥ 0, of the same shape; scale: δ of huber, c of tukey, in units of e.

    none:   ρ = e
    huber:  ρ = e²/(2 δ) for e ≤ δ, e - δ/2 beyond: quadratic, then of slope one
    tukey:  ρ = (c/6) (1 - (1 - (e/c)²)³) for e ≤ c, c/6 beyond: what is further off than c does not pull at all
    Source: Huber (1964); Beaton and Tukey (1974). Deviation: divided by δ and c, so that ρ keeps the unit of e.
    """
    if penalty == "huber":
        return torch.where(e <= scale, e.square() / (2 * scale), e - scale / 2)
    if penalty == "tukey":
        return (scale / 6) * (1 - (1 - (e / scale).square()).clamp(min=0) ** 3)
    return e


def robust_pair_loss(
    h: torch.Tensor, similar: torch.Tensor, counted: torch.Tensor, margin: float, penalty: Penalty, scale: float
) -> torch.Tensor:
    """½ (mean of ρ(e) over the similar pairs + mean over the dissimilar ones); a kind the batch lacks costs nothing.

    h: relaxed codes, (N, K). similar, counted: bool, (N, N); only counted pairs are seen. Returns a scalar ≥ 0.
    Source: Deep Multiple Instance Hashing, whose abstract names robust optimisation; the equations are ours: its
    published text is not in what this was made from. The two means keep rare similar pairs from being outvoted.
    """
    cost = penalise(pair_residuals(h, similar, margin), penalty, scale)
    return 0.5 * (mean_over_pairs(cost, similar & counted) + mean_over_pairs(cost, ~similar & counted))
