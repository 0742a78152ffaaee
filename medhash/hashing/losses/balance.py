"""Bit balance loss: each bit should be 1 for half of the images."""

from typing import Literal

import torch


def balance_loss(h: torch.Tensor, form: Literal["centred", "literal"] = "centred") -> torch.Tensor:
    """J_B = -(1/2N) tr(H Hᵀ); centred: the same on H minus its batch mean per bit.

    h: relaxed codes, (N, K). Returns a scalar in [-K/2, 0]. Centred, it is -K/2 only for codes of ±1 in which
    every bit is balanced, and 0 where all images share one code.
    Source: Deep Residual Hashing, §3.3, J_B. Deviation: the literal form is -K/2 for any ±1 codes, a constant
    code included, so it rewards saturation and not balance; centring (the variance of each bit) is ours.
    """
    if form == "centred":
        h = h - h.mean(dim=0)
    return -h.square().sum() / (2 * len(h))
