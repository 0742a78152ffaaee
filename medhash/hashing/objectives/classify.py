"""Multi-label classification alone, to fine-tune a representation."""

import torch
from torch import nn

from medhash.hashing.losses.classification import classification_loss
from medhash.hashing.objectives.terms import full_precision


class ClassifyObjective(nn.Module):
    """L = mean multi-label cross-entropy of a linear classifier on the representation.

    Source: Deep Residual Hashing, §4: A-KSH and V-KSH fine-tune by cross-entropy before KSH.
    """

    def __init__(self, width: int, n_labels: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(width, n_labels)

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, width), as the network gives it; labels: float multi-hot, (N, C); hash_weight: unused."""
        with torch.autocast(h.device.type, enabled=False):
            return {"classification": classification_loss(self.classifier(full_precision(h)), labels)}
