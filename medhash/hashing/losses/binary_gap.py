"""Binary gap: how far network outputs are from ±1, as a power of the distance."""

import torch


def binary_gap_loss(h: torch.Tensor, power: int) -> torch.Tensor:
    """Mean over images and bits of | |h| - 1 |^power, which is |h - sgn(h)|^power.

    h: network outputs, (N, K), bounded or not. Returns a scalar ≥ 0, zero where every |h| is 1.
    Source: power 1: Liu et al., Deep Supervised Hashing (2016), and Zhang et al., IDHN (2019); power 2: Li et al.,
    DPSH (2016); power 3: Su et al., Greedy Hash (2018). Deviation: mean over images and bits where the papers sum,
    as public ports of them have it.
    """
    return (h.abs() - 1).abs().pow(power).mean()
