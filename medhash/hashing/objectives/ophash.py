"""Organ and pathology hashing (`ophash`): semantic and relational similarity of whole codes and of sub-codes."""

from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import CodeBatch, Objective, Positive, Terms, Weight

if TYPE_CHECKING:
    import torch
    from torch import nn

    from medhash.hashing.objectives.attributes import AttributeTargets, KnownCases


@dataclass(frozen=True)
class OphashObjective(Objective):
    """J = λ_s L(h, s) + λ_r L(h, r) + Σ_a [λ_a L(h_a, s_a) + λ_c L_membership(M_a)], L the Cauchy cross-entropy.

    s_ij = 1 where two cases share a value of every attribute (organ and pathology), r_ij = the share of the attributes
    of which they share one: of one organ but another pathology, two cases are related by one half. s_a: of attribute a
    alone, on its own sub-code. A pair counts by the attributes that both know, and not at all where there is none.
    Needs tanh.
    Source: structured hashing, objective 1: the classifier's likelihood, then the Cauchy cross-entropy on s and on r,
    γ = 1. Readings of ours: r's values, the terms on sub-codes (λ_a = 0 is the source), what is unknown. In the public
    code the second term has the first one's weight; here each has its own.
    """

    semantic: Weight = 1.0
    """λ_s"""
    relational: Weight = 1.0
    """λ_r"""
    sub_codes: Weight = 1.0
    """λ_a; 0 leaves the sub-codes to what the whole code learns, as the source does."""
    classification: Weight = 1.0
    """λ_c"""
    gamma: Positive = 1.0
    """γ, in bits."""

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        from medhash.hashing.objectives.attributes import AttributeTargets

        return {"targets": AttributeTargets(layout)}

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.cauchy import cauchy_loss

        targets = batch.parts["targets"]
        semantic, relational, counted = similarities(targets, batch.labels)
        yield "semantic", self.semantic, lambda: cauchy_loss(batch.h, semantic, counted, self.gamma)
        yield "relational", self.relational, lambda: cauchy_loss(batch.h, relational, counted, self.gamma)
        for known in targets.known(batch):
            yield from known.named(self._attribute_terms(known))

    def _attribute_terms(self, known: "KnownCases") -> Terms:
        from medhash.hashing.losses.cauchy import cauchy_loss
        from medhash.hashing.losses.membership import membership_loss
        from medhash.hashing.losses.pairs import different_images, share_a_label

        def sub_code_loss() -> "torch.Tensor":
            similar = share_a_label(known.labels).to(known.h)
            return cauchy_loss(known.h, similar, different_images(len(known.h), known.h.device), self.gamma)

        yield "cauchy", self.sub_codes, sub_code_loss
        yield ("membership", self.classification, lambda: membership_loss(known.log_membership, known.labels))


def similarities(
    targets: "AttributeTargets", labels: "torch.Tensor"
) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
    """s and r, float (N, N), and which pairs count, bool (N, N). labels: combinations, multi-hot (N, L)."""
    import torch

    from medhash.hashing.losses.pairs import different_images, share_a_label

    shared = labels.new_zeros(len(labels), len(labels))
    n_known = torch.zeros_like(shared)
    for place in range(len(targets.names)):
        values = targets.of(place, labels)
        knows = values.any(dim=1)
        shared += share_a_label(values)
        n_known += knows[:, None] & knows[None, :]
    counted = (n_known > 0) & different_images(len(labels), labels.device)
    return (shared == n_known).to(shared), shared / n_known.clamp(min=1), counted
