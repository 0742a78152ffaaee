"""Ranking loss: images that share more labels with a query should be nearer to it."""

import math
from typing import Literal

import torch


def ranking_loss(
    h: torch.Tensor,
    labels: torch.Tensor,
    margin: float = 5.0,
    lists: Literal["sampled", "expected"] = "sampled",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Mean over queries of L_R = Σ_i Σ_{j: r_j < r_i} (2^r_i - 2^r_j) / Z · max(0, D(q,i) - D(q,j) + margin).

    The list of a query holds three other images of the batch: one that shares all its labels, one that shares
    at least one (but not all, where the batch has such), one that shares none; a member the batch cannot offer
    is left out. r is the number of shared labels, D = (K - h·h')/2 the Hamming distance in bits on relaxed codes,
    Z = Σ (2^r - 1) / log2(1 + rank) over the list in its best order. `sampled` draws one list per query,
    `expected` is the exact mean over all of them: the same loss without the sampling noise, O(N³) in memory.

    h: relaxed codes, (N, K). labels: multi-hot, (N, C). generator: of the CPU, torch's global one by default.
    Returns a scalar ≥ 0. Source: Order-Sensitive Deep Hashing, eq. (2) and §3. Deviations: mean where the paper
    sums over queries; Z, which the paper only names, is the list's ideal DCG.
    """
    full, some, none, relevance = _candidates(labels, h.dtype)
    distance = (h.shape[1] - h @ h.T) / 2  # (N, N), bits
    gain = 2**relevance - 1  # (N, N), of item i for query q
    top = torch.where(full.any(dim=1), gain.amax(dim=1), 0)  # (N,), 0 where none shares all
    form = _sampled if lists == "sampled" else _expected
    return form(distance, gain, top, full, some, none, margin, generator).sum() / len(h)


def _sampled(
    distance: torch.Tensor,
    gain: torch.Tensor,
    top: torch.Tensor,
    full: torch.Tensor,
    some: torch.Tensor,
    none: torch.Tensor,
    margin: float,
    generator: torch.Generator | None,
) -> torch.Tensor:
    """(N,): the loss of one random list per query."""
    (first, has_first), (second, has_second), (last, has_last) = (
        _draw_one(mask, generator) for mask in (full, some, none)
    )
    near, middle, far = (distance.gather(1, item)[:, 0] for item in (first, second, last))
    gain_second = gain.gather(1, second)[:, 0]
    ideal = _ideal(top, gain_second)
    return (
        (has_first & has_second) * (top - gain_second) * torch.relu(near - middle + margin)
        + (has_first & has_last) * top * torch.relu(near - far + margin)
        + (has_second & has_last) * gain_second * torch.relu(middle - far + margin)
    ) / ideal


def _expected(
    distance: torch.Tensor,
    gain: torch.Tensor,
    top: torch.Tensor,
    full: torch.Tensor,
    some: torch.Tensor,
    none: torch.Tensor,
    margin: float,
    generator: torch.Generator | None,
) -> torch.Tensor:
    """(N,): the mean loss over all lists of each query; the three members are drawn independently."""
    first, second, last = (
        mask.to(gain.dtype) / mask.sum(dim=1, keepdim=True).clamp(min=1) for mask in (full, some, none)
    )
    scaled = second / _ideal(top[:, None], gain)  # P(the middle item is j) / Z
    violation = torch.relu(distance[:, :, None] - distance[:, None, :] + margin)  # (query, i, j)
    below_first = scaled * (top[:, None] - gain) + last * (top[:, None] * scaled.sum(dim=1, keepdim=True))
    weight = first[:, :, None] * below_first[:, None, :] + (scaled * gain)[:, :, None] * last[:, None, :]
    return (weight * violation).sum(dim=(1, 2))


def _ideal(top: torch.Tensor, gain_second: torch.Tensor) -> torch.Tensor:
    """Z: top at rank 1 and the middle item at rank 2, or the middle item at rank 1 where none shares all."""
    return torch.where(top > 0, top + gain_second / math.log2(3), gain_second).clamp(min=1)


def _candidates(labels: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Bool (N, N): items that share all, some, none of the query's labels; and the number shared."""
    multi_hot = labels.to(dtype)
    relevance = multi_hot @ multi_hot.T
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    relevance = relevance * others
    n_labels = multi_hot.sum(dim=1, keepdim=True)
    labelled = (n_labels > 0) & others
    full = labelled & (relevance == n_labels)
    partial = labelled & (relevance > 0) & (relevance < n_labels)
    some = torch.where(partial.any(dim=1, keepdim=True), partial, full)
    return full, some, labelled & (relevance == 0), relevance


def _draw_one(mask: torch.Tensor, generator: torch.Generator | None) -> tuple[torch.Tensor, torch.Tensor]:
    """One of each row's candidates, each with equal chance: index (N, 1) and whether there is one (N,)."""
    keys = torch.rand(mask.shape, generator=generator).to(mask.device)  # drawn on the CPU: same lists anywhere
    return torch.where(mask, keys, -1).argmax(dim=1, keepdim=True), mask.any(dim=1)
