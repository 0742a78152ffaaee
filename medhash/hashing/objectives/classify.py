"""Multi-label classification alone, to fine-tune a representation."""

from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import CodeBatch, Objective, Terms

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ClassifyObjective(Objective):
    """L = mean multi-label cross-entropy of a linear classifier on the representation, whatever its activation.

    Source: Deep Residual Hashing, §4: A-KSH and V-KSH fine-tune by cross-entropy before KSH.
    """

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        from torch import nn

        return {"classifier": nn.Linear(bits, n_labels)}

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.classification import classification_loss

        yield "classification", 1.0, lambda: classification_loss(batch.parts["classifier"](batch.h), batch.labels)
