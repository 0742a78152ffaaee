"""Quantisation loss: how far relaxed codes are from ±1."""

import torch


def quantization_loss(h: torch.Tensor) -> torch.Tensor:
    """Mean over images of Σ_k log cosh(|h_k| - 1).

    h: relaxed codes, (N, K), in [-1, 1]. Returns a scalar ≥ 0, zero when every |h| is 1.
    Source: Deep Residual Hashing, §3.3, J_Q. Deviation: the paper sums over the batch; the mean keeps the term
    comparable to J_S at any batch size.
    """
    excess = h.abs() - 1  # (N, K)
    return torch.log(torch.cosh(excess)).sum(dim=1).mean()
