"""Central similarity loss: every image near the hash centre of its labels."""

import torch


def center_targets(labels: torch.Tensor, centers: torch.Tensor, ties: torch.Tensor) -> torch.Tensor:
    """The centre of each image: bit by bit the vote of its labels' centres; (N, K) of ±1.

    labels: multi-hot, (N, C); centers: ±1, (C, K); ties: ±1, (K,), taken where the vote is even (and for an image
    without labels). Source: Yuan et al., Central Similarity Quantization (2020), centres for several labels,
    whose Bernoulli draw is `ties`.
    """
    votes = labels.to(centers.dtype) @ centers
    return torch.where(votes == 0, ties, votes.sign())


def center_loss(h: torch.Tensor, target: torch.Tensor, labelled: torch.Tensor) -> torch.Tensor:
    """Mean over labelled images and over bits of the cross-entropy of (h + 1)/2 against (target + 1)/2.

    As targets are ±1 this is -log((1 + target · h)/2), which needs no clamp near the right answer.
    h: relaxed codes, (N, K), in [-1, 1]; target: ±1, (N, K); labelled: bool, (N,). Returns a scalar ≥ 0, 0 where no
    image is labelled. A bit of exactly -target costs a finite 17.3 in single precision and has no gradient.
    Source: Yuan et al., Central Similarity Quantization (2020), L_C. Deviations: mean where the paper sums over images;
    an image without labels has no centre and is left out.
    """
    floor = torch.finfo(h.dtype).eps / 4  # half of the smallest 1 - |h| above 0
    cost = -((1 + target * h) / 2).clamp(min=floor).log().mean(dim=1)  # (N,)
    return torch.where(labelled, cost, 0).sum() / labelled.sum().clamp(min=1)
