"""The objective of fuzzy structured codes: `fuzzhash` and, without the fuzzy layer, `fuzzhash-crisp`."""

import torch
from torch import nn
from torch.nn.functional import log_softmax

from medhash.hashing.layout import Layout
from medhash.hashing.losses.membership import membership_loss
from medhash.hashing.losses.overlap_distance import overlap_distance_loss
from medhash.hashing.losses.quantization import quantization_loss
from medhash.hashing.objectives.attributes import AttributeTargets, Known
from medhash.hashing.objectives.settings_structured import FuzzhashSettings
from medhash.hashing.objectives.terms import full_precision


class FuzzhashObjective(nn.Module):
    """J = Σ_a [L_overlap(h_a) + λ_m L_membership(M_a) + λ_c L_membership(softmax(C_a h_a)) + λ_q J_Q(h_a)].

    L_overlap: a pair's distance in bits should be reach · K_a · (1 - Jaccard) of what the two have of the attribute, so
    that findings that overlap in part lie part of the way; M_a: the memberships that the rules are fired by; C_a: a
    linear classifier of the sub-code, whose parameters are not needed to encode. Without the fuzzy layer M_a is that
    of the network's own classifier of h_a, and λ_c is 0: the same losses but for those of the fuzzy sets. Cases that do
    not know the attribute are left out of its terms.
    Source: structured hashing, objective 3 (deviations: those of the losses; the sub-codes are ours, the source has one
    code of one attribute, which labels.structure: [finding] gives).
    """

    def __init__(self, settings: FuzzhashSettings, layout: Layout) -> None:
        super().__init__()
        self.settings = settings
        self.targets = AttributeTargets(layout)
        self.classifiers = nn.ModuleDict(
            {
                str(place): nn.Linear(bits.stop - bits.start, n_values)
                for place, (bits, n_values) in enumerate(zip(layout.bit_slices, layout.n_values, strict=True))
                if settings.code_classification > 0
            }
        )

    def forward(self, h: torch.Tensor, labels: torch.Tensor, log_memberships: torch.Tensor) -> dict[str, torch.Tensor]:
        """h: (N, K), in [-1, 1]; labels: combinations, multi-hot (N, L); log_memberships: (N, V). Weighted terms."""
        with torch.autocast(h.device.type, enabled=False):
            terms: dict[str, torch.Tensor] = {}
            every = self.targets.known(full_precision(h), labels, full_precision(log_memberships))
            for place, known in enumerate(every):
                terms |= self._of(place, known)
            return terms

    def _of(self, place: int, known: Known) -> dict[str, torch.Tensor]:
        def of_code() -> torch.Tensor:
            return membership_loss(log_softmax(self.classifiers[str(place)](known.h), dim=1), known.labels)

        return known.terms(
            {
                "overlap": 1.0,
                "membership": self.settings.classification,
                "classification": self.settings.code_classification,
                "quantization": self.settings.quantization,
            },
            {
                "classification": of_code,
                "overlap": lambda: overlap_distance_loss(known.h, known.labels, self.settings.reach),
                "membership": lambda: membership_loss(known.log_membership, known.labels),
                "quantization": lambda: quantization_loss(known.h),
            },
        )
