"""Cosine margin loss: each output in the direction of its labels' binary centres, by a margin."""

import torch
from torch.nn.functional import log_softmax, normalize


def cosine_margin_loss(
    z: torch.Tensor, labels: torch.Tensor, centers: torch.Tensor, scale: float, margin: float
) -> torch.Tensor:
    """Mean over labelled images of -Σ_c t_c log softmax_c(scale · (cos(z, o_c) - margin · y_c)), t = y / Σ y.

    z: network outputs, (N, K), unbounded; labels: multi-hot y, (N, C); centers: o, ±1, (C, K). Returns a scalar ≥ 0,
    0 where no image is labelled.
    Source: Hoe et al., One Loss for All (2021), with label smoothing for several labels as in its public code.
    Deviation: an image without labels is left out.
    """
    multi_hot = labels.to(z.dtype)
    n_labels = multi_hot.sum(dim=1)
    cosine = normalize(z, dim=1, eps=1e-6) @ normalize(centers.to(z.dtype), dim=1).T  # (N, C)
    logits = scale * (cosine - margin * multi_hot)
    cost = -(multi_hot * log_softmax(logits, dim=1)).sum(dim=1) / n_labels.clamp(min=1)  # 0 if unlabelled
    return cost.sum() / (n_labels > 0).sum().clamp(min=1)
