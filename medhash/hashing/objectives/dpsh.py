"""The objective of Deep Pairwise-Supervised Hashing."""

import torch
from torch import nn

from medhash.hashing.losses.binary_gap import binary_gap_loss
from medhash.hashing.losses.pairs import share_a_label
from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss
from medhash.hashing.objectives.settings_pairwise import DpshSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class DpshObjective(nn.Module):
    """J = mean over pairs of [log(1 + e^θ) - s θ] + η · mean of (sgn(u) - u)², θ = ½⟨u_i, u_j⟩.

    Two images are similar if they share a label. Source: Li et al., Feature Learning based Deep Supervised Hashing
    with Pairwise Labels (IJCAI 2016). Deviations: means where the paper sums; all pairs of the batch, with the
    gradient to both images, where the paper keeps the other images' outputs of the epoch before.
    """

    def __init__(self, settings: DpshSettings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: u, (N, K), unbounded; labels: float multi-hot, (N, C); hash_weight: unused. Returns weighted terms."""
        with torch.autocast(h.device.type, enabled=False):
            h = full_precision(h)
            return weighted(
                {
                    "likelihood": (1.0, lambda: pairwise_likelihood_loss(h, share_a_label(labels.float()), slope=0.5)),
                    "quantization": (self.settings.quantization, lambda: binary_gap_loss(h, 2)),
                }
            )
