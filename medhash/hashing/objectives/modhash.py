"""Codes with a head per attribute: `modhash` and, with encoders of their own, `indephash`."""

from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import CodeBatch, Objective, Positive, Terms, Weight

if TYPE_CHECKING:
    from torch import nn

    from medhash.hashing.objectives.attributes import KnownCases


@dataclass(frozen=True)
class ModhashObjective(Objective):
    """J = Σ_a [L_pairs(h_a) + λ_c L_membership(M_a) + λ_q J_Q(h_a)], a head's losses on its own attribute alone.

    L_pairs: class-balanced pairwise likelihood, similar where a value of the attribute is shared. Cases that do not
    know the attribute are left out of its terms. Needs tanh.
    Source: structured hashing, objectives 2 and 4: a classification loss and a pairwise hashing loss for each head.
    Which pairwise loss is ours (HashNet's); the sum has no weights between attributes: a searcher sets them.
    """

    slope_per_bit: Positive = 10.0
    """γ_a = this / K_a, as HashNet's."""
    classification: Weight = 1.0
    """λ_c"""
    quantization: Weight = 0.01
    """λ_q"""

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        from medhash.hashing.objectives.attributes import AttributeTargets

        return {"targets": AttributeTargets(layout)}

    def terms(self, batch: CodeBatch) -> Terms:
        for known in batch.parts["targets"].known(batch):
            yield from known.named(self._attribute_terms(known))

    def _attribute_terms(self, known: "KnownCases") -> Terms:
        from medhash.hashing.losses.membership import membership_loss
        from medhash.hashing.losses.pairs import share_a_label
        from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss
        from medhash.hashing.losses.quantization import quantization_loss

        h, slope = known.h, self.slope_per_bit / known.h.shape[1]
        yield ("pairs", 1.0, lambda: pairwise_likelihood_loss(h, share_a_label(known.labels), slope, balanced=True))
        yield ("membership", self.classification, lambda: membership_loss(known.log_membership, known.labels))
        yield "quantization", self.quantization, lambda: quantization_loss(h)
