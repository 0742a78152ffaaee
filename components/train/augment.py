"""Augmentation of a whole batch on its device: one small affine map, then intensity; labels are untouched."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class AugmentRange:
    """Half-widths of the uniform draws: small, as validation patients of the sample asked for (docs/results.md)."""

    rotation_deg: float = 1.5
    shift: float = 0.01
    """Of the image's width."""
    scale: float = 0.015
    gain: float = 0.03
    offset: float = 0.015
    """In intensities of [0, 1]."""
    log_gamma: float = 0.04


def draw(n_images: int, generator: torch.Generator, ranges: AugmentRange) -> torch.Tensor:
    """Draw the seven numbers of each image, (N, 7), in [-1, 1] times the half-widths.

    Columns: rotation (radians), shift x, shift y, scale, gain, offset, log gamma. They are drawn on the CPU for
    the whole batch, so that every device and every number of processes sees the same ones.
    """
    widths = torch.tensor(
        [
            math.radians(ranges.rotation_deg),
            ranges.shift,
            ranges.shift,
            ranges.scale,
            ranges.gain,
            ranges.offset,
            ranges.log_gamma,
        ]
    )
    return (torch.rand((n_images, 7), generator=generator) * 2 - 1) * widths


def augment(images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Rotate, scale and shift each image, then x → clamp(gain · x^γ + offset, 0, 1).

    images: (N, channels, size, size), in [0, 1]; draws: (N, 7), of `draw`. Returns the same shape and range; zero
    draws return the images. What a map brings in from outside takes the border's value.
    Source: Deep Residual Hashing, §4 (jitter, rotation, intensity). Deviation: the paper varies intensity by
    matching histograms between images that share labels, which is `match_histograms`, before the map and on uint8;
    gain, offset and gamma vary it without a second image.
    """
    rotation, shift_x, shift_y, scale, gain, offset, log_gamma = draws.to(images.device).unbind(1)
    size = 1 + scale
    cos, sin = torch.cos(rotation) * size, torch.sin(rotation) * size
    theta = torch.stack([torch.stack([cos, -sin, 2 * shift_x], 1), torch.stack([sin, cos, 2 * shift_y], 1)], 1)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    column = (slice(None), None, None, None)
    curved = moved.clamp(0, 1).pow(log_gamma.exp()[column])
    return ((1 + gain[column]) * curved + offset[column]).clamp(0, 1)
