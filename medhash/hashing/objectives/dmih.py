"""Deep Multiple Instance Hashing: robust pairs of bags, and of their instances while training begins."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.objective import CodeBatch, Objective, Positive, Terms, Weight

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class DmihObjective(Objective):
    """J = λ_MI(t) J_bag + λ_SI(t) J_instance + λ_q J_Q + λ_b J_B + λ_o R_O, λ_SI = λ_0 (1 - t/T)², λ_MI = 1 - λ_SI.

    J_bag is the robust pair loss (or NCA) of the bags' codes; J_instance the robust pair loss of the instances' codes,
    which inherit the labels of their bags. Pairs of instances of one bag are left out: they say nothing about how cases
    compare, and would pull a bag's instances together whatever they show. The other terms are of the bags.
    Without instances (`dmih-si`: every image a bag by itself, known to the network as such) J_bag is all there is.
    Needs tanh; on bags a network with a pooling, on single images one without. The instances' pairs are m × m: see
    docs/dmih.md for what that costs.

    Source: Deep Multiple Instance Hashing (MICCAI 2017): its abstract names the pooling, an auxiliary single-instance
    arm that is down-regulated gradually, and robust optimisation. Equations, λ_SI(t), J_B and R_O are ours.
    """

    loss: Literal["pairs", "nca"] = "pairs"
    """Of the bags: robust pairs, or the neighbourhood component analysis of Deep Residual Hashing."""
    penalty: Literal["huber", "tukey", "none"] = "huber"
    """ρ of the pairs."""
    huber: Positive = 0.1
    """δ, in shares of the bits."""
    tukey: Positive = 1.0
    """c, in shares of the bits."""
    margin: Positive = 0.5
    """Share of the bits beyond which dissimilar codes are far enough apart."""
    temperature: Positive = 0.25
    """Of nca, in units of K."""
    instances: Annotated[float, Field(ge=0, le=1)] = 0.5
    """λ_0, which is λ_SI at the beginning of training; it falls to 0 at its end."""
    quantization: Weight = 0.001
    """λ_q"""
    balance: Weight = 0.001
    """λ_b"""
    orthogonality: Weight = 0.001
    """λ_o"""

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.balance import balance_loss
        from medhash.hashing.losses.orthogonality import orthogonality_loss
        from medhash.hashing.losses.quantization import quantization_loss

        of_instances = self.instances * (1 - batch.done) ** 2 if batch.instances is not None else 0.0
        yield "bags", 1 - of_instances, lambda: self._bag_loss(batch)
        yield "instances", of_instances, lambda: self._instance_loss(batch)
        yield "quantization", self.quantization, lambda: quantization_loss(batch.h)
        yield "balance", self.balance, lambda: balance_loss(batch.h)
        yield "orthogonality", self.orthogonality, lambda: orthogonality_loss(batch.hash_weight)

    def _bag_loss(self, batch: CodeBatch) -> "torch.Tensor":
        from medhash.hashing.losses.nca import nca_loss
        from medhash.hashing.losses.pairs import different_images

        if self.loss == "nca":
            return nca_loss(batch.h, batch.similar, self.temperature * batch.h.shape[1], "log")
        return self._pair_loss(batch.h, batch.similar, different_images(len(batch.h), batch.h.device))

    def _instance_loss(self, batch: CodeBatch) -> "torch.Tensor":
        from medhash.hashing.networks.pooling import bag_of

        assert batch.instances is not None
        assert batch.starts is not None
        bags = bag_of(batch.starts)
        return self._pair_loss(batch.instances, batch.similar[bags][:, bags], bags[:, None] != bags[None, :])

    def _pair_loss(self, h: "torch.Tensor", similar: "torch.Tensor", counted: "torch.Tensor") -> "torch.Tensor":
        from medhash.hashing.losses.robust_pairs import robust_pair_loss

        scale = self.tukey if self.penalty == "tukey" else self.huber
        return robust_pair_loss(h, similar, counted, self.margin, self.penalty, scale)
