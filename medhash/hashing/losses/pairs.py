"""Pairs of different images in a batch: which are similar, and the mean over some of them."""

import torch


def share_a_label(labels: torch.Tensor) -> torch.Tensor:
    """s_ij: whether images i and j have a label in common; bool, (N, N). An image without labels is like none.

    labels: multi-hot, (N, C).
    """
    return labels @ labels.T > 0


def different_images(n_images: int, device: torch.device) -> torch.Tensor:
    """Bool, (N, N): all pairs but those of an image with itself, which say nothing about similarity."""
    return ~torch.eye(n_images, dtype=torch.bool, device=device)


def mean_over_pairs(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """The mean of the chosen values, (N, N) both; 0 without gradient where none is chosen."""
    return torch.where(chosen, values, 0).sum() / chosen.sum().clamp(min=1)
