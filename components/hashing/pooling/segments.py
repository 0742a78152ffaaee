"""Sums and maxima over the segments of packed rows: exact, differentiable, and the same on every run."""

import torch


def bag_of(starts: torch.Tensor) -> torch.Tensor:
    """The bag that each packed row belongs to: int64, (m,). starts: int64, (n + 1,)."""
    return torch.repeat_interleave(torch.arange(len(starts) - 1, device=starts.device), starts.diff())


def segment_sum(rows: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """(n, d): the sum of each bag's rows, (m, d), one after the other; a bag of one gives its row."""
    return torch.segment_reduce(rows, "sum", offsets=starts)


def segment_max(rows: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """(n, d): the largest value of each bag's rows, (m, d); equal largest values share the gradient.

    By scatter_reduce: segment_reduce shares only positive gradients, and gives each of the equals a whole negative one.
    """
    bags = bag_of(starts)[:, None].expand_as(rows)
    return rows.new_zeros(len(starts) - 1, rows.shape[1]).scatter_reduce(0, bags, rows, "amax", include_self=False)
