"""Supervised retrieval loss: neighbourhood component analysis on relaxed codes."""

from typing import Literal

import torch


def nca_loss(
    h: torch.Tensor, similar: torch.Tensor, temperature: float = 1.0, objective: Literal["expected", "log"] = "expected"
) -> torch.Tensor:
    """How unlikely a random neighbour of an image is to be similar to it.

    p_ij = softmax over j ≠ i of -||h_i - h_j||² / temperature
    expected:  J_S = 1 - (1/N) Σ_i Σ_j p_ij s_ij            log:  J = -(1/N) Σ_i log Σ_j p_ij s_ij

    h: relaxed codes, (N, K). similar: bool, (N, N); its diagonal is ignored. Returns a scalar ≥ 0. An image
    without a similar one in the batch contributes a constant without gradient: 1 in `expected`, as eq. (1) has
    it, and 0 in `log`, where the term would be infinite; both divide by N all the same.
    Source: Deep Residual Hashing, eqs. (1) and (2), relaxed; log: Goldberger et al., NCA, §2. Deviations: the
    temperature is ours (1 is the paper's), since squared distances of 64-bit codes saturate the softmax; gradients
    are autograd's, as the printed eq. (4) is -N times the true gradient.
    """
    others = ~torch.eye(len(h), dtype=torch.bool, device=h.device)
    positives = similar & others
    anchors = positives.any(dim=1)
    squared = h.square().sum(dim=1)
    logits = (2 * h @ h.T - squared[:, None] - squared[None, :])[anchors] / temperature  # (A, N)
    infinity = torch.tensor(float("inf"), dtype=h.dtype, device=h.device)
    log_probability = torch.logsumexp(torch.where(positives[anchors], logits, -infinity), dim=1) - torch.logsumexp(
        torch.where(others[anchors], logits, -infinity), dim=1
    )  # (A,)
    if objective == "log":
        return -log_probability.sum() / len(h)
    return 1 - log_probability.exp().sum() / len(h)
