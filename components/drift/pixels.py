"""Grey values of images: the mean and standard deviation of each, and how often each grey occurs."""

from typing import NamedTuple

import numpy as np

N_GREYS = 256


class Greys(NamedTuple):
    """Statistics of N images."""

    mean: np.ndarray
    """float64, (N,), 0 to 255"""
    deviation: np.ndarray
    """float64, (N,): standard deviation over the image's own pixels"""
    pooled: np.ndarray
    """float64, (256,): weighted mean over images of the share of pixels with each grey"""


def grey_statistics(pixels: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> Greys:
    """One pass over the images at `rows`, one image in memory at a time.

    pixels: uint8, (images, channels, size, size), may be memory-mapped; channels are pooled. rows: (N,). weights:
    (N,), the part of the pooled histogram that each image makes. All that is asked of an image follows from its
    histogram, in whole numbers, so the order and grouping of reading do not matter. Means and deviations are rounded
    to 1/1000 of a grey.
    """
    greys = np.arange(N_GREYS)
    mean, deviation, pooled = np.empty(len(rows)), np.empty(len(rows)), np.zeros(N_GREYS)
    for number, (row, weight) in enumerate(zip(rows.tolist(), weights.tolist(), strict=True)):
        counts = np.bincount(pixels[row].reshape(-1), minlength=N_GREYS)
        n_pixels = int(counts.sum())
        total, squares = int(counts @ greys), int(counts @ greys**2)
        mean[number] = total / n_pixels
        deviation[number] = (max(n_pixels * squares - total**2, 0)) ** 0.5 / n_pixels
        pooled += weight * (counts / n_pixels)
    return Greys(np.round(mean, 3), np.round(deviation, 3), pooled)
