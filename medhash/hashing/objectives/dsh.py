"""The objective of Deep Supervised Hashing."""

import torch
from torch import nn

from medhash.hashing.losses.binary_gap import binary_gap_loss
from medhash.hashing.losses.contrastive import contrastive_loss
from medhash.hashing.losses.pairs import share_a_label
from medhash.hashing.objectives.settings_pairwise import DshSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class DshObjective(nn.Module):
    """L = mean over pairs of [½ s d² + ½ (1 - s) max(m - d², 0) + η (‖|h_i| - 1‖₁ + ‖|h_j| - 1‖₁)], m = 2K.

    Two images are similar if they share a label. The regulariser's mean over pairs is 2K times its mean over images
    and bits. Source: Liu et al., Deep Supervised Hashing (CVPR 2016). Deviation: mean where the paper sums over pairs.
    """

    def __init__(self, settings: DshSettings, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.settings = settings

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K), unbounded; labels: float multi-hot, (N, C); hash_weight: unused. Returns weighted terms."""
        with torch.autocast(h.device.type, enabled=False):
            h = full_precision(h)
            similar = share_a_label(labels.float())
            return weighted(
                {
                    "contrastive": (
                        1.0,
                        lambda: contrastive_loss(h, similar, self.settings.margin_per_bit * self.bits),
                    ),
                    "quantization": (self.settings.quantization * 2 * self.bits, lambda: binary_gap_loss(h, 1)),
                }
            )
