"""Mean pooling: every instance counts alike."""

import torch

from components.hashing.pooling.segments import segment_sum


def mean_pooling(g: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """G_b = mean over the instances i of bag b of g_i.

    g: features, (m, d), packed; starts: int64, (n + 1,). Returns (n, d); a bag of one gives its own g exactly. As the
    hash layer is linear, this is the mean of the instances' pre-activations too.
    Source: Wu et al., Deep Multiple Instance Learning (CVPR 2015), average pooling.
    """
    return segment_sum(g, starts) / starts.diff()[:, None]
