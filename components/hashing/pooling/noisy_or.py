"""Noisy-or pooling: a bit of a bag is on unless every instance fails to turn it on."""

import torch
from torch.nn.functional import softplus

from components.hashing.pooling.segments import segment_sum


def noisy_or_pooling(z: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """Z_b = atanh(2 P_b - 1), P_b = 1 - Π_i (1 - p_i), p_i = (1 + tanh z_i)/2, bit by bit.

    z: the instances' pre-activations, (m, K), packed; starts: int64, (n + 1,). Returns the bags' pre-activations,
    (n, K): tanh(Z_b) = 2 P_b - 1. A bag of one gives its own z exactly.
    Computed in logarithms: -log(1 - p) = softplus(2 z), so that S = -log Π (1 - p) is a sum, and
    Z = ½ log(P/(1 - P)) = ½ log(e^S - 1) = ½ (S + log(1 - e^-S)), finite where P is 0 or 1 in floating point.
    Source: noisy-or, Zhang et al., Multiple Instance Boosting (NIPS 2005). Deviations: on bits instead of classes;
    pooled pre-activations, so that α and the norm of the code come after it as after any other pooling: ours.
    """
    failing = segment_sum(softplus(2 * z), starts).clamp(min=torch.finfo(z.dtype).tiny)  # S, (n, K)
    pooled = 0.5 * (failing + torch.log(-torch.expm1(-failing)))
    alone = (starts.diff() == 1)[:, None]
    return torch.where(alone, z[starts[:-1]], pooled)
