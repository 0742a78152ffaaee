"""Intensity augmentation by matching the grey values of an image to those of another with a label in common."""

import numpy as np
import torch


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
