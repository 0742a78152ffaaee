"""Multi-label classification loss: the codes should tell the labels to a linear classifier."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits


def classification_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over images of -Σ_c [y_c ln ŷ_c + (1 - y_c) ln(1 - ŷ_c)], ŷ = sigmoid(logits).

    logits: (N, C), a linear function of the relaxed codes; labels: multi-hot, (N, C). Returns a scalar ≥ 0.
    Source: Order-Sensitive Deep Hashing, eq. (3). Deviation: mean over the batch where the paper sums.
    """
    return binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="sum") / len(logits)
