"""The objective of Deep Residual Hashing."""

import torch
from torch import nn

from medhash.hashing.losses.balance import balance_loss
from medhash.hashing.losses.nca import nca_loss
from medhash.hashing.losses.orthogonality import orthogonality_loss
from medhash.hashing.losses.pairs import share_a_label
from medhash.hashing.losses.quantization import quantization_loss
from medhash.hashing.objectives.settings import DrhSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class DrhObjective(nn.Module):
    """J = J_S + λ_q J_Q + λ_b J_B + λ_o R_O; two images are similar if they share a label.

    Source: Deep Residual Hashing, eq. (3). Deviation: λ_w R_W is not a term here but the optimiser's weight
    decay (the paper gives no λ_w); J_Q and J_B deviate as their docstrings say.
    """

    def __init__(self, settings: DrhSettings, bits: int) -> None:
        super().__init__()
        self.settings = settings
        self.temperature = settings.temperature * (bits if settings.temperature_per_bit else 1)

    def forward(self, h: torch.Tensor, labels: torch.Tensor, hash_weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K); labels: float multi-hot, (N, C); hash_weight: (K, d). Returns weighted terms; J is their sum."""
        weights = self.settings
        with torch.autocast(h.device.type, enabled=False):
            h, hash_weight = full_precision(h), full_precision(hash_weight)
            return weighted(
                {
                    "nca": (1.0, lambda: nca_loss(h, share_a_label(labels.float()), self.temperature, weights.nca)),
                    "quantization": (weights.quantization, lambda: quantization_loss(h)),
                    "balance": (weights.balance, lambda: balance_loss(h, weights.bit_balance)),
                    "orthogonality": (weights.orthogonality, lambda: orthogonality_loss(hash_weight)),
                }
            )
