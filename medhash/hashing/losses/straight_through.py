"""Sign with a straight-through gradient: binary forwards, the identity backwards."""

from typing import Any

import torch


class _SignStraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: torch.Tensor) -> torch.Tensor:
        return torch.where(h >= 0, 1.0, -1.0).to(h.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0]


def sign_straight_through(h: torch.Tensor) -> torch.Tensor:
    """b = sgn(h), exactly ±1, sgn(0) = +1; the gradient by b is handed to h unchanged.

    h: network outputs, any shape. Source: Su et al., Greedy Hash (2018), hash coding layer.
    """
    return _SignStraightThrough.apply(h)
