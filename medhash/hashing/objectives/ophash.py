"""The objective of organ and pathology hashing: `ophash`."""

import torch
from torch import nn

from medhash.hashing.layout import Layout
from medhash.hashing.losses.cauchy import cauchy_loss
from medhash.hashing.losses.membership import membership_loss
from medhash.hashing.losses.pairs import different_images, share_a_label
from medhash.hashing.objectives.attributes import AttributeTargets, Known
from medhash.hashing.objectives.settings_structured import OphashSettings
from medhash.hashing.objectives.terms import full_precision, weighted


class OphashObjective(nn.Module):
    """J = λ_s L(h, s) + λ_r L(h, r) + Σ_a [λ_a L(h_a, s_a) + λ_c L_membership(M_a)], L the Cauchy cross-entropy.

    s_ij = 1 where two cases share a value of every attribute (organ and pathology), r_ij = the share of the attributes
    of which they share one: of one organ but another pathology, two cases are related by one half. s_a: of attribute a
    alone, on its own sub-code. A pair counts by the attributes that both know, and not at all where there is none.
    Source: structured hashing, objective 1: the classifier's likelihood, then the Cauchy cross-entropy on s and on r,
    γ = 1. Readings of ours: r's values, the terms on sub-codes (λ_a = 0 is the source), what is unknown. In the public
    code the second term has the first one's weight; here each has its own.
    """

    def __init__(self, settings: OphashSettings, layout: Layout) -> None:
        super().__init__()
        self.settings = settings
        self.targets = AttributeTargets(layout)

    def forward(self, h: torch.Tensor, labels: torch.Tensor, log_memberships: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K), in [-1, 1]; labels: combinations, multi-hot (N, L); log_memberships: (N, V). Weighted terms."""
        weights = self.settings
        with torch.autocast(h.device.type, enabled=False):
            h = full_precision(h)
            semantic, relational, counted = self._similarities(labels)
            terms = weighted(
                {
                    "semantic": (weights.semantic, lambda: cauchy_loss(h, semantic, counted, weights.gamma)),
                    "relational": (weights.relational, lambda: cauchy_loss(h, relational, counted, weights.gamma)),
                }
            )
            for known in self.targets.known(h, labels, full_precision(log_memberships)):
                terms |= self._of(known)
            return terms

    def _similarities(self, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """s and r, float (N, N), and which pairs count, bool."""
        shared = labels.new_zeros(len(labels), len(labels))
        n_known = torch.zeros_like(shared)
        for place in range(len(self.targets.names)):
            targets = self.targets.of(place, labels)
            knows = targets.any(dim=1)
            shared += share_a_label(targets)
            n_known += knows[:, None] & knows[None, :]
        counted = (n_known > 0) & different_images(len(labels), labels.device)
        return (shared == n_known).to(shared), shared / n_known.clamp(min=1), counted

    def _of(self, known: Known) -> dict[str, torch.Tensor]:
        def of_sub_code() -> torch.Tensor:
            return cauchy_loss(
                known.h,
                share_a_label(known.labels).to(known.h),
                different_images(len(known.h), known.h.device),
                self.settings.gamma,
            )

        return known.terms(
            {"cauchy": self.settings.sub_codes, "membership": self.settings.classification},
            {"cauchy": of_sub_code, "membership": lambda: membership_loss(known.log_membership, known.labels)},
        )
