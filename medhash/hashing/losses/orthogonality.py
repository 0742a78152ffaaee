"""Orthogonality regulariser: the rows of the hash layer should be orthonormal."""

import torch


def orthogonality_loss(weight: torch.Tensor) -> torch.Tensor:
    """R_O = ½ ||W Wᵀ - I||²_F.

    weight: the hash layer's W, (K, d). Returns a scalar ≥ 0, zero for orthonormal rows; at least (K - d)/2 where
    K > d. Its gradient is 2 (W Wᵀ - I) W. Source: Deep Residual Hashing, §3.3, R_O (whose printed gradient lacks
    the factor 2).
    """
    gram = weight @ weight.T
    identity = torch.eye(len(weight), dtype=weight.dtype, device=weight.device)
    return 0.5 * (gram - identity).square().sum()
