"""Independent encoders: a trunk per attribute, which share nothing, so that what one learns binds no other."""

from collections.abc import Sequence

import torch
from torch import nn

from components.hashing.networks.network import Trunk


class IndependentTrunks(Trunk):
    """(N, C, S, S) → (N, A · d), the features of A trunks side by side.

    Source: structured hashing, objective 4: sub-codes of sub-networks that originate from one base network depend on
    each other; independent ones can be joined for combinations that no training image had.
    """

    def __init__(self, trunks: Sequence[Trunk]) -> None:
        super().__init__()
        self.trunks = nn.ModuleList(trunks)
        self.n_features = sum(trunk.n_features for trunk in trunks)
        self.removed = trunks[0].removed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([trunk(x) for trunk in self.trunks], dim=1)
