"""Gated attention pooling: a learnt weight per instance says how much of its bag it is."""

import torch
from torch import nn

from components.hashing.pooling.segments import bag_of, segment_max, segment_sum

HIDDEN = 32
"""Width of V g and U g: as wide as the narrow trunk's features."""


class GatedAttention(nn.Module):
    """G_b = Σ_i a_i g_i over the instances of bag b, a = softmax over the bag of wᵀ(tanh(V g) ⊙ sigm(U g)).

    The weights of a bag sum to one; a bag of one has the weight 1 exactly, and gives its own g.
    Source: Ilse et al., Attention-based Deep Multiple Instance Learning (ICML 2018), eq. (9), without biases as there.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.tanh_layer = nn.Linear(n_features, HIDDEN, bias=False)  # V
        self.gate_layer = nn.Linear(n_features, HIDDEN, bias=False)  # U
        self.score_layer = nn.Linear(HIDDEN, 1, bias=False)  # wᵀ

    def weights(self, g: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        """a: (m, 1). g: features, (m, d), packed; starts: int64, (n + 1,)."""
        scores = self.score_layer(torch.tanh(self.tanh_layer(g)) * torch.sigmoid(self.gate_layer(g)))
        bags = bag_of(starts)
        # The largest score is only there so that exp cannot overflow: it cancels, so it needs no gradient.
        exponentials = torch.exp(scores - segment_max(scores.detach(), starts)[bags])
        return exponentials / segment_sum(exponentials, starts)[bags]

    def forward(self, g: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        """(n, d)."""
        return segment_sum(self.weights(g, starts) * g, starts)
