"""The objective of Order-Sensitive Deep Hashing."""

import torch
from torch import nn

from components.hashing.losses.classification import classification_loss
from components.hashing.losses.ranking import ranking_loss
from components.hashing.objectives.settings import OsdhSettings


class OsdhObjective(nn.Module):
    """L = λ_R · mean L_R + λ_C · mean L_C, with a linear classifier of its own on h.

    The classifier's parameters are trained with the network's and are not needed to encode. Sampled lists draw
    from torch's global CPU generator. Source: Order-Sensitive Deep Hashing, eq. (4). Deviations: means over the
    batch where the paper sums, so that the learning rate means the same at any batch size; λ_p L_p is the
    optimiser's weight decay.
    """

    def __init__(self, settings: OsdhSettings, bits: int, n_labels: int) -> None:
        super().__init__()
        self.settings = settings
        self.classifier = nn.Linear(bits, n_labels)

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K); labels: float multi-hot, (N, C); hash_weight: unused. Returns weighted terms; L is their sum."""
        with torch.autocast(h.device.type, enabled=False):
            h = h if h.dtype == torch.float64 else h.float()
            return {
                "ranking": self.settings.ranking * ranking_loss(h, labels, self.settings.margin, self.settings.lists),
                "classification": self.settings.classification * classification_loss(self.classifier(h), labels),
            }
