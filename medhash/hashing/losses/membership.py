"""Membership loss: what a case has of an attribute should be what it is a member of."""

import torch


def membership_loss(log_membership: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over cases of the cross-entropy -Σ_c (y_c / |y|) log M_c.

    log_membership: (N, C), whose exponentials sum to 1 in each row; labels: multi-hot, (N, C), no row empty. Returns a
    scalar ≥ 0. Source: structured hashing, classification loss of objectives 1 to 4. Deviation: of a case with several
    values, as a multi-morbid one has, each is an equal part of it, where the source may have sigmoids.
    """
    shares = labels / labels.sum(dim=1, keepdim=True)
    return -(shares * log_membership).sum(dim=1).mean()
