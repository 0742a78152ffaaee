"""The hash layer of a structured code: a head per attribute, each with its own bits and its own memberships."""

import torch
from torch import nn
from torch.nn.functional import log_softmax, softmax

from medhash.hashing.layout import Layout
from medhash.hashing.networks.fuzzy import FuzzyInference


class SubCodeLayer(nn.Module):
    """Features → z, the sub-codes side by side, and the log membership in every value of every attribute.

    z_a = W_a relu(V_a y_a + v_a) + w_a; y_a = g of a shared encoder, or an encoder's own g_a of independent ones.
    Fuzzy: y_a = g_a + (defuzzified rules), and the memberships are those that the rules were fired by. Otherwise
    they are softmax of a linear classifier of h_a.
    temperatures, (A,): of the memberships reported, M^(1/T) normalised to sum 1; fitted after training, 1 until then.
    Rules fire by uncalibrated memberships.
    Source: structured hashing, objectives 2 (shared encoder, three heads), 3 (fuzzy inference) and 4 (independent
    encoders). Deviation: the hidden layer of a head has the width of its features; memberships are ours.
    """

    temperatures: torch.Tensor

    def __init__(self, layout: Layout, n_features: int, independent: bool, fuzzy: bool) -> None:
        super().__init__()
        self.layout = layout
        n_attributes = len(layout.attributes)
        self.width = n_features // n_attributes if independent else n_features
        self.independent = independent
        self.inference = FuzzyInference(layout, self.width, independent) if fuzzy else None
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(self.width, self.width), nn.ReLU(), nn.Linear(self.width, sub_code.stop - sub_code.start)
            )
            for sub_code in layout.sub_codes
        )
        self.classifiers = (
            None
            if fuzzy
            else nn.ModuleList(
                nn.Linear(sub_code.stop - sub_code.start, n_values)
                for sub_code, n_values in zip(layout.sub_codes, layout.n_values, strict=True)
            )
        )
        self.register_buffer("temperatures", torch.ones(n_attributes))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """features: (N, d), or (N, A · d) of independent encoders. Returns z, (N, K)."""
        parts = self._parts(features)
        if self.inference is not None:
            parts = self.inference(parts)
        return torch.cat([head(part) for head, part in zip(self.heads, parts, strict=True)], dim=1)

    def log_memberships(self, features: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        """(N, V), one attribute after the other; the exponentials of each attribute's sum to 1. h: (N, K)."""
        if self.inference is not None:
            return torch.cat(self.inference.log_memberships(self._parts(features)), dim=1)
        assert self.classifiers is not None
        return torch.cat(
            [
                log_softmax(classifier(h[:, bits]), dim=1)
                for classifier, bits in zip(self.classifiers, self.layout.bit_slices, strict=True)
            ],
            dim=1,
        )

    def calibrated_memberships(self, features: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        """Memberships at their temperatures, (N, V)."""
        raw = self.log_memberships(features, h)
        return torch.cat(
            [
                softmax(raw[:, part] / temperature, dim=1)
                for part, temperature in zip(self.layout.value_slices, self.temperatures, strict=True)
            ],
            dim=1,
        )

    def firing_levels(self, features: torch.Tensor) -> torch.Tensor | None:
        """Firing level of every rule, (N, R), each row's sum 1; None without rules."""
        if self.inference is None:
            return None
        return self.inference.firing_levels(self.inference.log_memberships(self._parts(features)))

    def _parts(self, features: torch.Tensor) -> list[torch.Tensor]:
        """The features of each attribute, (N, d)."""
        if self.independent:
            return list(features.split(self.width, dim=1))
        return [features] * len(self.heads)
