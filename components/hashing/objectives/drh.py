"""The objective of Deep Residual Hashing."""

import torch
from torch import nn

from components.hashing.losses.balance import balance_loss
from components.hashing.losses.nca import nca_loss
from components.hashing.losses.orthogonality import orthogonality_loss
from components.hashing.losses.quantization import quantization_loss
from components.hashing.objectives.settings import DrhSettings


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
        with torch.autocast(h.device.type, enabled=False):       # squared distances of 64 bits overflow bf16's digits
            h, hash_weight = _full(h), _full(hash_weight)
            similar = labels.float() @ labels.float().T > 0                                     # (N, N)
            return {
                "nca": nca_loss(h, similar, self.temperature, self.settings.nca),
                "quantization": self.settings.quantization * quantization_loss(h),
                "balance": self.settings.balance * balance_loss(h, self.settings.bit_balance),
                "orthogonality": self.settings.orthogonality * orthogonality_loss(hash_weight),
            }


def _full(x: torch.Tensor) -> torch.Tensor:
    return x if x.dtype == torch.float64 else x.float()
