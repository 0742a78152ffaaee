"""Central Similarity Quantization: every image near the hash centre of its labels."""

from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import Centers, CodeBatch, Objective, Seed, Terms, Weight

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class CsqObjective(Objective):
    """L = L_C + λ L_Q: cross-entropy of the bits against the centre of the image's labels, and log cosh(|h| - 1).

    h in [-1, 1]: needs tanh. The defaults are the paper's. Centres, and the vector that settles even votes, come from
    `centers_seed`; they are rebuilt, never saved.
    Source: Yuan et al., Central Similarity Quantization (CVPR 2020). Deviations: means over the batch where the paper
    sums; which rows of the Hadamard matrix are taken (hash_centers); images without labels have no L_C.
    """

    quantization: Weight = 1e-4
    """λ"""
    centers: Centers = "hadamard"
    """hadamard: bits a power of two and at most 2K labels."""
    centers_seed: Seed = 0

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        from medhash.hashing.objectives.centers import HashCenters

        return {"centers": HashCenters(n_labels, bits, self.centers, self.centers_seed)}

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.center import center_loss, center_targets
        from medhash.hashing.losses.quantization import quantization_loss

        centers = batch.parts["centers"]
        target = center_targets(batch.labels, centers.rows, centers.ties).to(batch.h.dtype)
        yield "center", 1.0, lambda: center_loss(batch.h, target, batch.labels.sum(dim=1) > 0)
        yield "quantization", self.quantization, lambda: quantization_loss(batch.h)
