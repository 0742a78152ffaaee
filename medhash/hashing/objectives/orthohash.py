"""OrthoHash, one loss for all: one cosine similarity to orthogonal binary centres."""

import math
from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import Centers, CodeBatch, Objective, Positive, Seed, Terms, Weight

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class OrthohashObjective(Objective):
    """L = cross-entropy of softmax(scale · (cosine to the centres - margin at the image's own labels)).

    Needs `activation: none`, and by the paper `code_norm: batch`, a batch normalisation of z that balances the bits.
    The centres come from `centers_seed`; they are rebuilt, never saved.
    Source: Hoe et al., One Loss for All: Deep Hashing with a Single Cosine Similarity based Learning Objective
    (NeurIPS 2021). Deviation: the scale is √K at any length, where the public code has 8, which is √64.
    """

    margin: Weight = 0.2
    """In units of the cosine."""
    scale_per_root_bit: Positive = 1.0
    """The scale is this × √K."""
    centers: Centers = "hadamard"
    """hadamard: bits a power of two and at most 2K labels."""
    centers_seed: Seed = 0

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        from medhash.hashing.objectives.centers import HashCenters

        return {"centers": HashCenters(n_labels, bits, self.centers, self.centers_seed)}

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.cosine_margin import cosine_margin_loss

        scale = self.scale_per_root_bit * math.sqrt(batch.h.shape[1])
        centers = batch.parts["centers"].rows
        yield "cosine", 1.0, lambda: cosine_margin_loss(batch.h, batch.labels, centers, scale, self.margin)
