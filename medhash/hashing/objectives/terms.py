"""What every objective does: compute in full precision, and leave out the terms whose weight is zero."""

from collections.abc import Callable, Mapping

import torch

WeightedTerm = tuple[float, Callable[[], torch.Tensor]]


def full_precision(x: torch.Tensor) -> torch.Tensor:
    """Single precision at least: sums over pairs and bits overflow the digits of bf16."""
    return x if x.dtype == torch.float64 else x.float()


def weighted(terms: Mapping[str, WeightedTerm]) -> dict[str, torch.Tensor]:
    """Weight times term by name; a term of weight 0 is not computed, so that it costs nothing and cannot be NaN."""
    return {name: weight * compute() for name, (weight, compute) in terms.items() if weight > 0}
