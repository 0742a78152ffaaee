"""A hashing network: a trunk that turns pixels into features, and the layer that turns features into relaxed codes."""

from typing import Literal

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class HeadSettings:
    """What model.json holds under `network` beside the trunk's own settings."""

    head: Literal["hash", "embedding"] = "hash"
    """embedding: no hash layer, the trunk's features are the output; another method makes codes of them."""
    code_norm: Literal["none", "batch"] = "none"
    """batch: each bit is brought to mean 0 and variance 1 over the batch before tanh, so that no bit can die."""
    activation: Literal["tanh", "none"] = "tanh"
    """none: relaxed codes are unbounded, for the methods that bring them to ±1 by a penalty."""


class Trunk(nn.Module):
    """What turns pixels x, (N, C, S, S), float in [0, 1], into features g, (N, d)."""

    n_features: int
    """d."""
    removed: tuple[str, ...] = ()
    """How tensors begin that published weights have and the trunk has not: those of the classifier."""


class HashNetwork(nn.Module):
    """Pixels → relaxed codes h = tanh(α norm(W g + b)), g the trunk's features.

    `hash_layer` is the linear map W (K, d), b (K,). n_outputs: K, or d for an embedding.
    Source: Deep Residual Hashing, §3.1; α: Order-Sensitive Deep Hashing, §2.1.
    Deviation: `code_norm: batch` is ours (without it, the norm is the identity, as in the papers).
    """

    hash_layer: nn.Linear | None

    def __init__(self, trunk: Trunk, bits: int, settings: HeadSettings) -> None:
        super().__init__()
        self.trunk = trunk
        hashed = settings.head == "hash"
        self.hash_layer = nn.Linear(trunk.n_features, bits) if hashed else None
        self.code_norm = nn.BatchNorm1d(bits, affine=False) if hashed and settings.code_norm == "batch" else \
            nn.Identity()
        self.bounded = settings.activation == "tanh"
        self.n_outputs = bits if hashed else trunk.n_features

    def forward(self, x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
        """x: float in [0, 1], (N, C, S, S). Returns h, (N, K), in [-1, 1] unless unbounded; or g, (N, d)."""
        features: torch.Tensor = self.trunk(x)
        if self.hash_layer is None:
            return features
        z = alpha * self.code_norm(self.hash_layer(features))
        return torch.tanh(z) if self.bounded else z
