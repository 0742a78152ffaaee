"""Greedy Hash: classification of binary codes, with the gradient handed through the sign."""

from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import CodeBatch, Objective, Terms, Weight

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class GreedyhashObjective(Objective):
    """L = classification loss of a linear classifier on b = sgn(h) + α · mean of | |h| - 1 |³.

    Needs `activation: none`. The gradient by b is handed to h as it is.
    Source: Su et al., Greedy Hash (NeurIPS 2018). Deviation: multi-label cross-entropy where the paper has a softmax
    over single labels.
    """

    penalty: Weight = 0.1
    """α, on the mean over images and bits."""

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        from torch import nn

        return {"classifier": nn.Linear(bits, n_labels)}

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.binary_gap import binary_gap_loss
        from medhash.hashing.losses.classification import classification_loss
        from medhash.hashing.losses.straight_through import sign_straight_through

        classifier = batch.parts["classifier"]
        yield (
            "classification",
            1.0,
            lambda: classification_loss(classifier(sign_straight_through(batch.h)), batch.labels),
        )
        yield "penalty", self.penalty, lambda: binary_gap_loss(batch.h, 3)
