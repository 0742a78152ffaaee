"""HashNet: class-balanced pairwise likelihood of codes that become binary in training, and an optional classifier."""

from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import CodeBatch, Objective, Positive, Terms, Weight

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class HashnetObjective(Objective):
    """L = class-balanced pairwise negative log likelihood on γ⟨h_i, h_j⟩ + λ · mean classification.

    Needs tanh and a growing continuation: h = tanh(β z). The public code's β is √(1 + 0.005 t) at iteration t, held
    for 200 iterations. Two images are similar if they share a label.
    Source: Cao et al., HashNet: Deep Learning to Hash by Continuation (ICCV 2017). Deviations: those of the loss;
    the classifier is ours, and there is none at the default λ = 0.
    """

    slope_per_bit: Positive = 10.0
    """γ = this / K: log odds of ±10 between equal and opposite codes, as in the public code."""
    classification: Weight = 0.0
    """λ of a multi-label cross-entropy of a linear classifier on h, which the paper does not have."""

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        from torch import nn

        return {"classifier": nn.Linear(bits, n_labels)} if self.classification else {}

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.classification import classification_loss
        from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss

        slope = self.slope_per_bit / batch.h.shape[1]
        yield "likelihood", 1.0, lambda: pairwise_likelihood_loss(batch.h, batch.similar, slope, balanced=True)
        yield (
            "classification",
            self.classification,
            lambda: classification_loss(batch.parts["classifier"](batch.h), batch.labels),
        )
