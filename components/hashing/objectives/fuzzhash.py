"""The objective of fuzzy structured codes: `fuzzhash` and, without the fuzzy layer, `fuzzhash-crisp`."""

import torch
from torch import nn

from components.hashing.layout import Layout
from components.hashing.losses.membership import membership_loss
from components.hashing.losses.overlap_distance import overlap_distance_loss
from components.hashing.losses.quantization import quantization_loss
from components.hashing.objectives.attributes import AttributeTargets, Known
from components.hashing.objectives.settings_structured import FuzzhashSettings
from components.hashing.objectives.terms import full_precision


class FuzzhashObjective(nn.Module):
    """J = Σ_a [L_overlap(h_a) + λ_c L_membership(M_a) + λ_q J_Q(h_a)].

    L_overlap: a pair's distance in bits should be reach · K_a · (1 - Jaccard) of what the two have of the attribute, so
    that findings that overlap in part lie part of the way; M_a: the memberships that the rules are fired by (crisp: a
    classifier's). Cases that do not know the attribute are left out of its terms.
    Source: structured hashing, objective 3 (deviations: those of the losses; the sub-codes are ours, the source has one
    code of one attribute, which labels.structure: [finding] gives).
    """

    def __init__(self, settings: FuzzhashSettings, layout: Layout) -> None:
        super().__init__()
        self.settings = settings
        self.targets = AttributeTargets(layout)

    def forward(self, h: torch.Tensor, labels: torch.Tensor, log_memberships: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K), in [-1, 1]; labels: combinations, multi-hot (N, L); log_memberships: (N, V). Weighted terms."""
        with torch.autocast(h.device.type, enabled=False):
            terms: dict[str, torch.Tensor] = {}
            for known in self.targets.known(full_precision(h), labels, full_precision(log_memberships)):
                terms |= self._of(known)
            return terms

    def _of(self, known: Known) -> dict[str, torch.Tensor]:
        return known.terms(
            {"overlap": 1.0, "membership": self.settings.classification, "quantization": self.settings.quantization},
            {"overlap": lambda: overlap_distance_loss(known.h, known.labels, self.settings.reach),
             "membership": lambda: membership_loss(known.log_membership, known.labels),
             "quantization": lambda: quantization_loss(known.h)})
