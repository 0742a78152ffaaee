"""The objective of Deep Multiple Instance Hashing."""

import torch
from torch import nn

from medhash.hashing.losses.balance import balance_loss
from medhash.hashing.losses.nca import nca_loss
from medhash.hashing.losses.orthogonality import orthogonality_loss
from medhash.hashing.losses.pairs import different_images, share_a_label
from medhash.hashing.losses.quantization import quantization_loss
from medhash.hashing.losses.robust_pairs import robust_pair_loss
from medhash.hashing.networks.pooling import bag_of
from medhash.hashing.objectives.settings import DmihSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class DmihObjective(nn.Module):
    """J = λ_MI(t) J_bag + λ_SI(t) J_instance + λ_q J_Q + λ_b J_B + λ_o R_O, λ_SI = λ_0 (1 - t/T)², λ_MI = 1 - λ_SI.

    J_bag is the robust pair loss (or NCA) of the bags' codes; J_instance the robust pair loss of the instances' codes,
    which inherit the labels of their bags. Pairs of instances of one bag are left out: they say nothing about how cases
    compare, and would pull a bag's instances together whatever they show. The other terms are of the bags.
    Without instances (`dmih-si`: every image a bag by itself, known to the network as such) J_bag is all there is.

    Source: Deep Multiple Instance Hashing (MICCAI 2017): its abstract names the pooling, an auxiliary single-instance
    arm that is down-regulated gradually, and robust optimisation. Equations, λ_SI(t), J_B and R_O are ours.
    """

    def __init__(self, settings: DmihSettings, bits: int) -> None:
        super().__init__()
        self.settings = settings
        self.temperature = settings.temperature * bits

    def forward(
        self,
        h: torch.Tensor,
        labels: torch.Tensor,
        hash_weight: torch.Tensor,
        instances: torch.Tensor | None = None,
        starts: torch.Tensor | None = None,
        done: float = 0.0,
    ) -> dict[str, torch.Tensor]:
        """Weighted terms; J is their sum.

        h: codes of the bags, (n, K); labels: float multi-hot, (n, C); hash_weight: (K, d); instances: codes of their
        instances, (m, K), packed, with starts, int64 (n + 1,); done: t/T, the share of the training that is done.
        The instances' pairs are m × m: see docs/dmih.md for what that costs.
        """
        weights = self.settings
        of_instances = weights.instances * (1 - done) ** 2 if instances is not None else 0.0
        with torch.autocast(h.device.type, enabled=False):
            h, hash_weight = full_precision(h), full_precision(hash_weight)
            similar = share_a_label(labels.float())
            return weighted(
                {
                    "bags": (1 - of_instances, lambda: self._of_bags(h, similar)),
                    "instances": (of_instances, lambda: self._of_instances(instances, starts, similar)),
                    "quantization": (weights.quantization, lambda: quantization_loss(h)),
                    "balance": (weights.balance, lambda: balance_loss(h)),
                    "orthogonality": (weights.orthogonality, lambda: orthogonality_loss(hash_weight)),
                }
            )

    def _of_bags(self, h: torch.Tensor, similar: torch.Tensor) -> torch.Tensor:
        if self.settings.loss == "nca":
            return nca_loss(h, similar, self.temperature, "log")
        return self._pairs(h, similar, different_images(len(h), h.device))

    def _of_instances(
        self, instances: torch.Tensor | None, starts: torch.Tensor | None, similar: torch.Tensor
    ) -> torch.Tensor:
        assert instances is not None
        assert starts is not None
        bags = bag_of(starts)
        return self._pairs(full_precision(instances), similar[bags][:, bags], bags[:, None] != bags[None, :])

    def _pairs(self, h: torch.Tensor, similar: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
        scale = self.settings.tukey if self.settings.penalty == "tukey" else self.settings.huber
        return robust_pair_loss(h, similar, counted, self.settings.margin, self.settings.penalty, scale)
