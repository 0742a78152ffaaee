"""Frozen features as a trunk: each block standardised and reduced by PCA, then dropout and an optional hidden layer."""

from typing import Literal

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from medhash.core.errors import MedhashError
from medhash.hashing.networks.network import Trunk


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class FeatureSettings:
    """What model.json holds under `network` for this family."""

    blocks: str
    """Widths of the blocks, such as `512+448+1280`."""
    kind: Literal["features"] = "features"
    pca: int = 64
    """Components kept of each block, or all if it has fewer."""
    dropout: float = 0.3
    hidden: int = 0
    """Units of a hidden layer; 0 for none."""


class FeatureTrunk(Trunk):
    """(N, Σ widths) → (N, d): (x - m) W of each block, dropout, and the hidden layer if there is one.

    W: standardisation by the train fold's mean and deviation, PCA, and each component divided by the square root of its
    deviation, which leaves half of the differences of their spreads. `fit` sets m and W; nothing else changes them.
    """

    mean: torch.Tensor

    def __init__(self, settings: FeatureSettings) -> None:
        super().__init__()
        self.widths = [int(width) for width in settings.blocks.split("+")]
        self.kept = [min(settings.pca, width) for width in self.widths]
        self.register_buffer("mean", torch.zeros(sum(self.widths)))
        for block, (width, kept) in enumerate(zip(self.widths, self.kept, strict=True)):
            self.register_buffer(f"projection{block}", torch.zeros(width, kept))
        layers: list[nn.Module] = [nn.Dropout(settings.dropout)]
        self.n_features = sum(self.kept)
        if settings.hidden:
            layers += [
                nn.Linear(self.n_features, settings.hidden),
                nn.BatchNorm1d(settings.hidden),
                nn.ReLU(),
                nn.Dropout(settings.dropout),
            ]
            self.n_features = settings.hidden
        self.layers = nn.Sequential(*layers)

    def fit(self, features: torch.Tensor) -> None:
        """Set means and projections by the features of the train fold, (n, Σ widths).

        Raises MedhashError if there are fewer images than components, or a value is not finite.
        """
        if not torch.isfinite(features).all():
            raise MedhashError("a feature is not finite", "run the stage features again; look at its gate")
        if len(features) <= max(self.kept):
            raise MedhashError(
                f"{len(features)} training images do not give {max(self.kept)} components of features",
                "train on more images, or lower pca in train.overrides",
            )
        x = features.double()
        self.mean.copy_(x.mean(dim=0))
        for block, part in enumerate(x.split(self.widths, dim=1)):
            deviation = part.std(dim=0, correction=0).clamp_min(1e-8)
            standardised = (part - part.mean(dim=0)) / deviation
            _, _, components = torch.linalg.svd(standardised, full_matrices=False)
            components = components[: self.kept[block]].T
            # The sign of a component is arbitrary: its largest weight is made positive, so that equal input gives
            # equal bytes.
            largest = components.gather(0, components.abs().argmax(dim=0, keepdim=True))
            components = components * largest.sign()
            spread = (standardised @ components).std(dim=0, correction=0).clamp_min(1e-8)
            self.get_buffer(f"projection{block}").copy_(components / deviation[:, None] / spread.sqrt())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = (x - self.mean).split(self.widths, dim=1)
        reduced = torch.cat([part @ self.get_buffer(f"projection{block}") for block, part in enumerate(parts)], dim=1)
        features: torch.Tensor = self.layers(reduced)
        return features
