"""A hashing network: a trunk that turns pixels into features, and the layer that turns features into relaxed codes."""

from typing import Literal

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from medhash.core.errors import MedhashError
from medhash.hashing.layout import Layout
from medhash.hashing.networks.pooling import GatedAttention, max_pooling, mean_pooling, noisy_or_pooling
from medhash.hashing.networks.sub_codes import SubCodeLayer

FEATURE_POOLINGS = {"max": max_pooling, "mean": mean_pooling}


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class HeadSettings:
    """What model.json holds under `network` beside the trunk's own settings."""

    head: Literal["hash", "embedding"] = "hash"
    """embedding: no hash layer, the trunk's features are the output; another method makes codes of them."""
    code_norm: Literal["none", "batch"] = "none"
    """batch: each bit is brought to mean 0 and variance 1 over the batch before tanh, so that no bit can die."""
    activation: Literal["tanh", "none"] = "tanh"
    """none: relaxed codes are unbounded, for the methods that bring them to ±1 by a penalty."""
    pooling: Literal["none", "max", "mean", "noisy-or", "attention"] = "none"
    """How the instances of a bag become one: features by max, mean or attention, bits by noisy-or. none: the network
    knows single images only."""
    encoders: Literal["one", "shared", "independent"] = "one"
    """one: a code of one part; shared: a head per sub-code on one trunk; independent: a trunk per sub-code, too."""
    inference: Literal["none", "fuzzy"] = "none"
    """fuzzy: rules over attribute values between the features and the heads of sub-codes."""


class Trunk(nn.Module):
    """What turns pixels x, (N, C, S, S), float in [0, 1], into features g, (N, d)."""

    n_features: int
    """d."""
    removed: tuple[str, ...] = ()
    """How tensors begin that published weights have and the trunk has not: those of the classifier."""


class HashNetwork(nn.Module):
    """Pixels → relaxed codes h = tanh(α norm(W g + b)), g the trunk's features.

    `hash_layer` is the linear map W (K, d), b (K,). n_outputs: K, or d for an embedding. With a pooling, a bag's code
    is tanh(α norm(W G + b)), G pooled over its instances' g (noisy-or: pooled over W g + b), and the instances have
    codes by the same layer; an image given by itself is a bag of one, so its code is that of a network without pooling.
    Source: Deep Residual Hashing, §3.1; α: Order-Sensitive Deep Hashing, §2.1; bags: Deep Multiple Instance Hashing.
    Deviation: `code_norm: batch` is ours (without it, the norm is the identity, as in the papers).
    With a layout, the code is structured: `hash_layer` is then a SubCodeLayer, a head per attribute.
    """

    hash_layer: nn.Linear | SubCodeLayer | None

    def __init__(self, trunk: Trunk, bits: int, settings: HeadSettings, layout: Layout | None = None) -> None:
        super().__init__()
        self.trunk = trunk
        self.layout = layout
        hashed = settings.head == "hash"
        if layout is not None and (not hashed or settings.pooling != "none"):
            raise MedhashError(
                "network setting encoders: sub-codes need a hash layer, and know single images only",
                "set head to hash and pooling to none: the images of a bag then vote",
            )
        if not hashed and settings.pooling != "none":
            raise MedhashError(
                "network setting pooling: an embedding has no code to pool bags for",
                "set pooling to none, or head to hash",
            )
        if layout is not None:
            self.hash_layer = SubCodeLayer(
                layout, trunk.n_features, settings.encoders == "independent", settings.inference == "fuzzy"
            )
        else:
            self.hash_layer = nn.Linear(trunk.n_features, bits) if hashed else None
        self.code_norm = (
            nn.BatchNorm1d(bits, affine=False) if hashed and settings.code_norm == "batch" else nn.Identity()
        )
        self.bounded = settings.activation == "tanh"
        self.pooling = settings.pooling
        self.attention = GatedAttention(trunk.n_features) if settings.pooling == "attention" else None
        self.n_outputs = bits if hashed else trunk.n_features

    def forward(self, x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
        """x: float in [0, 1], (N, C, S, S). Returns h, (N, K), in [-1, 1] unless unbounded; or g, (N, d)."""
        features: torch.Tensor = self.trunk(x)
        return features if self.hash_layer is None else self.from_features(features, alpha)

    def from_features(self, features: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
        """h, (N, K), of the trunk's features."""
        assert self.hash_layer is not None
        return self._activated(self.code_norm(self.hash_layer(features)), alpha)

    def scored(self, x: torch.Tensor, alpha: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """h, (N, K), and the log membership in every value of every attribute, (N, V), of a structured code."""
        assert isinstance(self.hash_layer, SubCodeLayer)
        features: torch.Tensor = self.trunk(x)
        h = self.from_features(features, alpha)
        return h, self.hash_layer.log_memberships(features, h)

    def bags(self, x: torch.Tensor, starts: torch.Tensor, alpha: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        """Codes of bags, (n, K), and of their instances, (m, K). x: (m, C, S, S), packed; starts: int64, (n + 1,).

        In training the norm of the code takes its statistics, also those it keeps, from the bags, and the instances'
        codes are normed with the same ones.
        """
        features: torch.Tensor = self.trunk(x)
        assert self.hash_layer is not None
        with torch.autocast(x.device.type, enabled=False):  # sums over a bag in full precision
            features = features if features.dtype == torch.float64 else features.float()
            single = self.hash_layer(features)
            pooled = (
                noisy_or_pooling(single, starts)
                if self.pooling == "noisy-or"
                else self.hash_layer(self._pool(features, starts))
            )
            normed = self.code_norm(pooled)
            if self.training and isinstance(self.code_norm, nn.BatchNorm1d):
                variance, mean = torch.var_mean(pooled, dim=0, correction=0)
                single = (single - mean) * torch.rsqrt(variance + self.code_norm.eps)
            else:
                single = self.code_norm(single)
            return self._activated(normed, alpha), self._activated(single, alpha)

    def _pool(self, features: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        if self.attention is not None:
            pooled: torch.Tensor = self.attention(features, starts)
            return pooled
        return FEATURE_POOLINGS[self.pooling](features, starts)

    def _activated(self, z: torch.Tensor, alpha: float) -> torch.Tensor:
        return torch.tanh(alpha * z) if self.bounded else alpha * z
