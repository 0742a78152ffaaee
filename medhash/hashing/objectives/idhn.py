"""The objective of IDHN: hard and soft pairwise similarity."""

import torch
from torch import nn

from medhash.hashing.losses.binary_gap import binary_gap_loss
from medhash.hashing.losses.soft_similarity import soft_similarity_loss
from medhash.hashing.objectives.settings_pairwise import IdhnSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class IdhnObjective(nn.Module):
    """L = mean over pairs of the soft similarity loss + λ · mean of | |h| - 1 |.

    Source: Zhang et al., Improved Deep Hashing with Soft Pairwise Similarity for Multi-label Image Retrieval (IEEE
    TMM 2019). Deviations: means where the paper sums; h by tanh, where public ports use h = z / (1 + |z|); the
    slope 5/K and the weight 0.1/K of the squared error are our reading.
    """

    def __init__(self, settings: IdhnSettings, bits: int) -> None:
        super().__init__()
        self.settings = settings
        self.slope = settings.slope_per_bit / bits
        self.soft_weight = settings.soft_per_bit / bits

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K), in [-1, 1]; labels: float multi-hot, (N, C); hash_weight: unused. Returns weighted terms."""
        with torch.autocast(h.device.type, enabled=False):
            h = full_precision(h)
            return weighted(
                {
                    "similarity": (1.0, lambda: soft_similarity_loss(h, labels, self.slope, self.soft_weight)),
                    "quantization": (self.settings.quantization, lambda: binary_gap_loss(h, 1)),
                }
            )
