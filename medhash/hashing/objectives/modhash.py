"""The objective of codes with a head per attribute: `modhash` and, with encoders of their own, `indephash`."""

import torch
from torch import nn

from medhash.hashing.layout import Layout
from medhash.hashing.losses.membership import membership_loss
from medhash.hashing.losses.pairs import share_a_label
from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss
from medhash.hashing.losses.quantization import quantization_loss
from medhash.hashing.objectives.attributes import AttributeTargets, Known
from medhash.hashing.objectives.settings_structured import ModhashSettings
from medhash.hashing.objectives.terms import full_precision


class ModhashObjective(nn.Module):
    """J = Σ_a [L_pairs(h_a) + λ_c L_membership(M_a) + λ_q J_Q(h_a)], a head's losses on its own attribute alone.

    L_pairs: class-balanced pairwise likelihood, similar where a value of the attribute is shared; slope 10 / K_a. Cases
    that do not know the attribute are left out of its terms.
    Source: structured hashing, objectives 2 and 4: a classification loss and a pairwise hashing loss for each head.
    Which pairwise loss is ours (HashNet's); the sum has no weights between attributes: a searcher sets them.
    """

    def __init__(self, settings: ModhashSettings, layout: Layout) -> None:
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
        slope = self.settings.slope_per_bit / known.h.shape[1]
        return known.terms(
            {"pairs": 1.0, "membership": self.settings.classification, "quantization": self.settings.quantization},
            {
                "pairs": lambda: pairwise_likelihood_loss(known.h, share_a_label(known.labels), slope, balanced=True),
                "membership": lambda: membership_loss(known.log_membership, known.labels),
                "quantization": lambda: quantization_loss(known.h),
            },
        )
