"""The objective of OrthoHash: one cosine similarity to orthogonal binary centres."""

import math

import torch
from torch import nn

from medhash.hashing.losses.cosine_margin import cosine_margin_loss
from medhash.hashing.objectives.centers import hash_centers
from medhash.hashing.objectives.settings_pointwise import OrthohashSettings
from medhash.hashing.objectives.terms import full_precision


class OrthohashObjective(nn.Module):
    """L = cross-entropy of softmax(√K · (cosine to the centres - margin at the image's own labels)).

    The centres come from `centers_seed`; they are rebuilt, never saved. The paper balances the bits by a batch
    normalisation of z: the network's `code_norm: batch`.
    Source: Hoe et al., One Loss for All: Deep Hashing with a Single Cosine Similarity based Learning Objective
    (NeurIPS 2021). Deviation: the scale is √K at any length, where the public code has 8, which is √64.
    """

    centers: torch.Tensor

    def __init__(self, settings: OrthohashSettings, bits: int, n_labels: int) -> None:
        super().__init__()
        self.margin = settings.margin
        self.scale = settings.scale_per_root_bit * math.sqrt(bits)
        centers = hash_centers(n_labels, bits, settings.centers, settings.centers_seed)
        self.register_buffer("centers", centers, persistent=False)

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: z, (N, K), unbounded; labels: float multi-hot, (N, C); hash_weight: unused. Returns the one term."""
        with torch.autocast(h.device.type, enabled=False):
            return {"cosine": cosine_margin_loss(full_precision(h), labels, self.centers, self.scale, self.margin)}
