"""Augmentation: small affine maps, gain, offset and gamma, and histogram matching between images that share a label."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class AugmentRange:
    """Half-widths of the uniform draws, chosen on validation patients of the sample (docs/results.md)."""

    rotation_deg: float = 1.5
    shift: float = 0.01
    """Of the image's width."""
    scale: float = 0.015
    gain: float = 0.03
    offset: float = 0.015
    """In intensities of [0, 1]."""
    log_gamma: float = 0.04


def draw_augmentation(n_images: int, generator: torch.Generator, ranges: AugmentRange) -> torch.Tensor:
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

    images: (N, channels, size, size), in [0, 1]; draws: (N, 7), of `draw_augmentation`. Returns the same shape and
    range; zero draws return the images. What a map brings in from outside takes the border's value.
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


def draw_partners(labels: np.ndarray, part: slice, share: float, generator: torch.Generator) -> torch.Tensor:
    """Whose grey values each image of `part` takes: positions within the part, int64 (n,); its own where it keeps its.

    labels: (N, C), 1 where an image of the batch carries the label; part: the images that this process computes.
    Two numbers are drawn for every image of the whole batch, on the CPU: whether it is matched, with probability
    `share`, and with which of the images that carry one of its labels, each as likely. So the images that are
    matched are the same for every device and number of processes; an image without such a partner keeps its values.
    The partner is looked for within the part, because the pixels of the others lie with other processes: a part
    draws what it would draw with any number of other parts beside it, but fewer partners than the whole batch.
    """
    draws = torch.rand((len(labels), 2), generator=generator, dtype=torch.float64).numpy()[part]
    own = labels[part]
    alike = own @ own.T > 0  # (n, n)
    np.fill_diagonal(alike, False)
    place = alike.cumsum(axis=1)
    n_alike = place[:, -1]
    chosen = (place > np.floor(draws[:, 1] * n_alike)[:, None]).argmax(axis=1)
    matched = (draws[:, 0] < share) & (n_alike > 0)
    return torch.from_numpy(np.where(matched, chosen, np.arange(len(own))))


def match_histograms(images: torch.Tensor, partners: torch.Tensor) -> torch.Tensor:
    """Give each image the grey values of its partner: its r-th smallest pixel gets the partner's r-th smallest value.

    images: (N, channels, size, size), of any type; partners: (N,), of `draw_partners`. Returns the same shape, type
    and device; channel by channel. Equal pixels are ranked row by row, so the result has exactly the partner's
    values, and an image that is its own partner stays as it is.
    Source: Deep Residual Hashing, §4 (intensity augmentation by matching histograms between images that share
    co-morbidities). The paper does not say how: exact specification by ranks is our reading. It spreads a flat
    background over as many values as the partner has there, darkest first from the top.
    """
    values, order = images.flatten(2).sort(dim=2, stable=True)  # (N, channels, pixels)
    return torch.empty_like(values).scatter_(2, order, values[partners.to(images.device)]).view_as(images)
