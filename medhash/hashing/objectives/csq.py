"""The objective of Central Similarity Quantization."""

import torch
from torch import nn

from medhash.hashing.losses.center import center_loss, center_targets
from medhash.hashing.losses.quantization import quantization_loss
from medhash.hashing.objectives.centers import hash_centers
from medhash.hashing.objectives.settings_pointwise import CsqSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class CsqObjective(nn.Module):
    """L = L_C + λ L_Q: cross-entropy of the bits against the centre of the image's labels, and log cosh(|h| - 1).

    The centres, and the vector that settles even votes, come from `centers_seed`; they are rebuilt, never saved.
    Source: Yuan et al., Central Similarity Quantization (CVPR 2020). Deviations: means over the batch where the paper
    sums; which rows of the Hadamard matrix are taken (hash_centers); images without labels have no L_C.
    """

    centers: torch.Tensor
    ties: torch.Tensor

    def __init__(self, settings: CsqSettings, bits: int, n_labels: int) -> None:
        super().__init__()
        self.settings = settings
        centers = hash_centers(n_labels, bits, settings.centers, settings.centers_seed)
        ties = hash_centers(1, bits, "bernoulli", settings.centers_seed + 1)[0]
        self.register_buffer("centers", centers, persistent=False)
        self.register_buffer("ties", ties, persistent=False)

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K), in [-1, 1]; labels: float multi-hot, (N, C); hash_weight: unused. Returns weighted terms."""
        with torch.autocast(h.device.type, enabled=False):
            h = full_precision(h)
            target = center_targets(labels, self.centers, self.ties).to(h.dtype)
            return weighted(
                {
                    "center": (1.0, lambda: center_loss(h, target, labels.sum(dim=1) > 0)),
                    "quantization": (self.settings.quantization, lambda: quantization_loss(h)),
                }
            )
