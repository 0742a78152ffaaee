"""Fuzzy inference: memberships in attribute values, rules over their combinations, and what the rules conclude."""

import torch
from torch import nn
from torch.nn.functional import log_softmax, softmax, softplus

from medhash.hashing.layout import Layout

N_INPUTS = 8
"""Inputs of a fuzzy set: the features are projected to so many before memberships are taken."""


class FuzzyInference(nn.Module):
    """Fuzzification, knowledge base and defuzzification, between the features and the hash layer.

    Fuzzification: u_a = P_a g_a, (N, 8); Gaussian memberships around learned centres, one fuzzy set per value c of
    attribute a, m_ac = exp(-½ Σ_i ((u_ai - μ_aci) / σ_aci)²), brought to sum 1 over the attribute's values:
    M_ac = m_ac / Σ_c' m_ac'.
    Knowledge base: rule r asks for one value of each attribute (or none), such as IF modality is mr AND organ is brain
    AND pathology is glioma; it fires by the product of its memberships, φ_r = Π_a M_a,r(a) / Σ_r' …, sum 1.
    Defuzzification: y_a = g_a + Σ_r φ_r q_ar, q_ar learned, (d,).
    Source: structured hashing, objective 3, which names the three steps. Readings of ours: which sets and rules there
    are (the values, and the combinations that the training cases have, so that both can be read), the projection, and
    that the conclusion is added to the features, so that leaving it out is the network without the fuzzy layer.
    """

    antecedents: torch.Tensor
    asked: torch.Tensor

    def __init__(self, layout: Layout, n_features: int, independent: bool) -> None:
        super().__init__()
        self.layout = layout
        self.project = nn.ModuleList(nn.Linear(n_features, N_INPUTS) for _ in layout.attributes)
        self.centers = nn.ParameterList(nn.Parameter(torch.randn(n, N_INPUTS)) for n in layout.n_values)
        self.raw_widths = nn.ParameterList(nn.Parameter(torch.full((n, N_INPUTS), 1.0)) for n in layout.n_values)
        antecedents = torch.from_numpy(layout.antecedents)  # (R, A)
        self.conclusions = nn.ParameterList(
            nn.Parameter(torch.zeros(len(antecedents), n_features)) for _ in layout.attributes
        )
        starts = torch.tensor([part.start for part in layout.value_slices])
        self.register_buffer("asked", antecedents >= 0, persistent=False)
        self.register_buffer("antecedents", antecedents.clamp(min=0) + starts, persistent=False)

    def forward(self, parts: list[torch.Tensor]) -> list[torch.Tensor]:
        """parts: features of each attribute, (N, d). Returns y of each, (N, d)."""
        levels = self.firing_levels(self.log_memberships(parts))
        return [part + levels @ conclusion for part, conclusion in zip(parts, self.conclusions, strict=True)]

    def log_memberships(self, parts: list[torch.Tensor]) -> list[torch.Tensor]:
        """log M of each attribute, (N, C_a)."""
        found = []
        for part, project, centers, raw in zip(parts, self.project, self.centers, self.raw_widths, strict=True):
            inputs = project(part)[:, None, :]  # (N, 1, 8)
            distance = (((inputs - centers) / (softplus(raw) + 1e-2)) ** 2).sum(dim=2)  # (N, C_a)
            found.append(log_softmax(-0.5 * distance, dim=1))
        return found

    def firing_levels(self, log_memberships: list[torch.Tensor]) -> torch.Tensor:
        """φ, (N, R)."""
        every = torch.cat(log_memberships, dim=1)  # (N, V)
        strength = (every[:, self.antecedents] * self.asked).sum(dim=2)  # (N, R)
        return softmax(strength, dim=1)
