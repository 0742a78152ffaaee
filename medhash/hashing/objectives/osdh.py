"""The objective of Order-Sensitive Deep Hashing."""

import torch
from torch import nn

from medhash.core.errors import MedhashError
from medhash.hashing.losses.classification import classification_loss
from medhash.hashing.losses.ranking import ranking_loss
from medhash.hashing.objectives.settings import OsdhSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class OsdhObjective(nn.Module):
    """L = λ_R · mean L_R + λ_C · mean L_C, with a linear classifier of its own on h.

    The classifier's parameters are trained with the network's and are not needed to encode. Sampled lists draw
    from torch's global CPU generator. Source: Order-Sensitive Deep Hashing, eq. (4); λ_R = 0 is OSDH-R and λ_C = 0
    OSDH-C of Table 2. Deviations: means over the batch where the paper sums, so that the learning rate means the
    same at any batch size; λ_p L_p is the optimiser's weight decay.
    """

    def __init__(self, settings: OsdhSettings, bits: int, n_labels: int) -> None:
        super().__init__()
        if settings.ranking == settings.classification == 0:
            raise MedhashError(
                "an OSDH objective without ranking and without classification has nothing to learn from",
                "set one of the weights ranking and classification above 0",
            )
        self.settings = settings
        self.classifier = nn.Linear(bits, n_labels) if settings.classification else nn.Identity()

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K); labels: float multi-hot, (N, C); hash_weight: unused. Returns weighted terms; L is their sum."""
        weights = self.settings
        with torch.autocast(h.device.type, enabled=False):
            h = full_precision(h)
            return weighted(
                {
                    "ranking": (weights.ranking, lambda: ranking_loss(h, labels, weights.margin, weights.lists)),
                    "classification": (weights.classification, lambda: classification_loss(self.classifier(h), labels)),
                }
            )
