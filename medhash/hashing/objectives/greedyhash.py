"""The objective of Greedy Hash."""

import torch
from torch import nn

from medhash.hashing.losses.binary_gap import binary_gap_loss
from medhash.hashing.losses.classification import classification_loss
from medhash.hashing.losses.straight_through import sign_straight_through
from medhash.hashing.objectives.settings_pointwise import GreedyhashSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class GreedyhashObjective(nn.Module):
    """L = classification loss of a linear classifier on b = sgn(h) + α · mean of | |h| - 1 |³.

    The gradient by b is handed to h as it is. The classifier's parameters are not needed to encode.
    Source: Su et al., Greedy Hash (NeurIPS 2018). Deviation: multi-label cross-entropy where the paper has a softmax
    over single labels.
    """

    def __init__(self, settings: GreedyhashSettings, bits: int, n_labels: int) -> None:
        super().__init__()
        self.settings = settings
        self.classifier = nn.Linear(bits, n_labels)

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K), unbounded; labels: float multi-hot, (N, C); hash_weight: unused. Returns weighted terms."""
        with torch.autocast(h.device.type, enabled=False):
            h = full_precision(h)
            return weighted(
                {
                    "classification": (
                        1.0,
                        lambda: classification_loss(self.classifier(sign_straight_through(h)), labels),
                    ),
                    "penalty": (self.settings.penalty, lambda: binary_gap_loss(h, 3)),
                }
            )
