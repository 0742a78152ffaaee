"""The objective of HashNet, and of HashNet with a classifier beside it."""

import torch
from torch import nn

from medhash.hashing.losses.classification import classification_loss
from medhash.hashing.losses.pairs import share_a_label
from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss
from medhash.hashing.objectives.settings_pairwise import HashnetSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class HashnetObjective(nn.Module):
    """L = class-balanced pairwise negative log likelihood on γ⟨h_i, h_j⟩, γ = 10/K, + λ · mean classification.

    Two images are similar if they share a label; h = tanh(β z) with a β that grows while training.
    Source: Cao et al., HashNet: Deep Learning to Hash by Continuation (ICCV 2017). Deviations: those of the loss;
    the classifier is ours, and there is none at the default λ = 0.
    """

    def __init__(self, settings: HashnetSettings, bits: int, n_labels: int) -> None:
        super().__init__()
        self.settings = settings
        self.slope = settings.slope_per_bit / bits
        self.classifier = nn.Linear(bits, n_labels) if settings.classification else nn.Identity()

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K), in [-1, 1]; labels: float multi-hot, (N, C); hash_weight: unused. Returns weighted terms."""
        with torch.autocast(h.device.type, enabled=False):
            h = full_precision(h)
            similar = share_a_label(labels.float())
            return weighted(
                {
                    "likelihood": (1.0, lambda: pairwise_likelihood_loss(h, similar, self.slope, balanced=True)),
                    "classification": (
                        self.settings.classification,
                        lambda: classification_loss(self.classifier(h), labels),
                    ),
                }
            )
