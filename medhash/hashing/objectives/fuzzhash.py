"""Fuzzy structured codes: `fuzzhash` and, without the fuzzy layer, `fuzzhash-crisp`."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import CodeBatch, Objective, Terms, Weight

if TYPE_CHECKING:
    import torch
    from torch import nn

    from medhash.hashing.objectives.attributes import KnownCases


@dataclass(frozen=True)
class FuzzhashObjective(Objective):
    """J = Σ_a [L_overlap(h_a) + λ_m L_membership(M_a) + λ_c L_membership(softmax(C_a h_a)) + λ_q J_Q(h_a)].

    L_overlap: a pair's distance in bits should be reach · K_a · (1 - Jaccard) of what the two have of the attribute, so
    that findings that overlap in part lie part of the way; M_a: the memberships that the rules are fired by; C_a: a
    linear classifier of the sub-code, whose parameters are not needed to encode. Without the fuzzy layer M_a is that
    of the network's own classifier of h_a, and λ_c is 0: the same losses but for those of the fuzzy sets. Cases that do
    not know the attribute are left out of its terms. Needs tanh.
    Source: structured hashing, objective 3 (deviations: those of the losses; the sub-codes are ours, the source has one
    code of one attribute, which labels.structure: [finding] gives).
    """

    reach: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Distance of codes that share nothing, in shares of K_a; 1 in the source."""
    classification: Weight = 1.0
    """λ_m, of the memberships."""
    code_classification: Weight = 1.0
    """λ_c, of a classifier of the sub-code beside fuzzy memberships."""
    quantization: Weight = 0.01
    """λ_q"""

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        from torch import nn

        from medhash.hashing.objectives.attributes import AttributeTargets

        targets = AttributeTargets(layout)
        if not self.code_classification:
            return {"targets": targets}
        layout = targets.layout
        classifiers = {
            str(place): nn.Linear(part.stop - part.start, n_values)
            for place, (part, n_values) in enumerate(zip(layout.bit_slices, layout.n_values, strict=True))
        }
        return {"targets": targets, "classifiers": nn.ModuleDict(classifiers)}

    def terms(self, batch: CodeBatch) -> Terms:
        for place, known in enumerate(batch.parts["targets"].known(batch)):
            classifier = batch.parts["classifiers"][str(place)] if self.code_classification else None
            yield from known.named(self._attribute_terms(known, classifier))

    def _attribute_terms(self, known: "KnownCases", classifier: "nn.Module | None") -> Terms:
        from torch.nn.functional import log_softmax

        from medhash.hashing.losses.membership import membership_loss
        from medhash.hashing.losses.overlap_distance import overlap_distance_loss
        from medhash.hashing.losses.quantization import quantization_loss

        def code_classification_loss() -> "torch.Tensor":
            assert classifier is not None
            return membership_loss(log_softmax(classifier(known.h), dim=1), known.labels)

        yield "overlap", 1.0, lambda: overlap_distance_loss(known.h, known.labels, self.reach)
        yield ("membership", self.classification, lambda: membership_loss(known.log_membership, known.labels))
        yield "classification", self.code_classification, code_classification_loss
        yield "quantization", self.quantization, lambda: quantization_loss(known.h)
