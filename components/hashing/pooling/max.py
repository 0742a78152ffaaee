"""Max pooling: of each feature the bag's largest value, so that one instance can speak for its bag."""

import torch

from components.hashing.pooling.segments import segment_max


def max_pooling(g: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """G_b = max over the instances i of bag b of g_i, feature by feature.

    g: features, (m, d), packed; starts: int64, (n + 1,). Returns (n, d); a bag of one gives its own g exactly. The
    gradient goes to the instance that holds the largest value; equal ones share it.
    Source: the multiple-instance pooling of Deep Multiple Instance Hashing, which its abstract names and does not
    define; max pooling as in Wu et al., Deep Multiple Instance Learning (CVPR 2015).
    """
    return segment_max(g, starts)
