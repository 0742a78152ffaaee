"""Pooling of a bag's instances: maximum, mean, noisy-or, gated attention."""

import torch
from torch import nn
from torch.nn.functional import softplus


def bag_of(starts: torch.Tensor) -> torch.Tensor:
    """The bag that each packed row belongs to: int64, (m,). starts: int64, (n + 1,)."""
    return torch.repeat_interleave(torch.arange(len(starts) - 1, device=starts.device), starts.diff())


def segment_sum(rows: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """(n, d): the sum of each bag's rows, (m, d), one after the other; a bag of one gives its row."""
    return torch.segment_reduce(rows, "sum", offsets=starts)


def segment_max(rows: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """(n, d): the largest value of each bag's rows, (m, d); equal largest values share the gradient.

    By scatter_reduce: segment_reduce shares only positive gradients, and gives each of the equals a whole negative one.
    """
    bags = bag_of(starts)[:, None].expand_as(rows)
    return rows.new_zeros(len(starts) - 1, rows.shape[1]).scatter_reduce(0, bags, rows, "amax", include_self=False)


def max_pooling(g: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """G_b = max over the instances i of bag b of g_i, feature by feature.

    g: features, (m, d), packed; starts: int64, (n + 1,). Returns (n, d); a bag of one gives its own g exactly. The
    gradient goes to the instance that holds the largest value; equal ones share it.
    Source: the multiple-instance pooling of Deep Multiple Instance Hashing, which its abstract names and does not
    define; max pooling as in Wu et al., Deep Multiple Instance Learning (CVPR 2015).
    """
    return segment_max(g, starts)


def mean_pooling(g: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """G_b = mean over the instances i of bag b of g_i.

    g: features, (m, d), packed; starts: int64, (n + 1,). Returns (n, d); a bag of one gives its own g exactly. As the
    hash layer is linear, this is the mean of the instances' pre-activations too.
    Source: Wu et al., Deep Multiple Instance Learning (CVPR 2015), average pooling.
    """
    return segment_sum(g, starts) / starts.diff()[:, None]


def noisy_or_pooling(z: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """Z_b = atanh(2 P_b - 1), P_b = 1 - Π_i (1 - p_i), p_i = (1 + tanh z_i)/2, bit by bit.

    z: the instances' pre-activations, (m, K), packed; starts: int64, (n + 1,). Returns the bags' pre-activations,
    (n, K): tanh(Z_b) = 2 P_b - 1. A bag of one gives its own z exactly.
    Computed in logarithms: -log(1 - p) = softplus(2 z), so that S = -log Π (1 - p) is a sum, and
    Z = ½ log(P/(1 - P)) = ½ log(e^S - 1) = ½ (S + log(1 - e^-S)), finite where P is 0 or 1 in floating point.
    Source: noisy-or, Zhang et al., Multiple Instance Boosting (NIPS 2005). Deviations: on bits instead of classes;
    pooled pre-activations, so that α and the norm of the code come after it as after any other pooling: ours.
    """
    failing = segment_sum(softplus(2 * z), starts).clamp(min=torch.finfo(z.dtype).tiny)  # S, (n, K)
    pooled = 0.5 * (failing + torch.log(-torch.expm1(-failing)))
    alone = (starts.diff() == 1)[:, None]
    return torch.where(alone, z[starts[:-1]], pooled)


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
