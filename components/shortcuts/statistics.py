"""Statistics of images that know no anatomy: size, border, brightness, black and white, grey values, colour."""

import numpy as np
import pyarrow as pa

SIZE, BORDER, BRIGHTNESS, ENDS, GREY, COLOUR = (
    "size",
    "border",
    "brightness",
    "black and white",
    "grey values",
    "colour",
)
BORDER_PX = 3
BLACK, WHITE = 5, 250
"""Grey values up to the first are black, from the second on white; compression moves either by a few."""
N_BINS = 16
_BATCH = 256


def image_statistics(images: pa.Table, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Group of statistics → float64, (n, d), of n images in their order, each of which has pixels.

    images: contract IMAGES, of which pixel_row, width and height are read; pixels: uint8, (rows, C, S, S).
    size: original width and height, plain and as log2, width over height, and whether they are unknown, for which the
    mean stands. border: mean and deviation of the outermost pixels. brightness: mean and deviation of all.
    black and white: the share of either. grey values: a histogram of 16 bins, its sum 1. colour (C > 1 only): mean
    deviation of a pixel's channels from each other. Grey is the mean of the channels.
    """
    rows = images["pixel_row"].to_numpy().astype(np.int64)
    parts = [_of_pixels(np.asarray(pixels[rows[start : start + _BATCH]])) for start in range(0, len(rows), _BATCH)]
    return {SIZE: _sizes(images)} | {group: np.concatenate([part[group] for part in parts]) for group in parts[0]}


def _of_pixels(batch: np.ndarray) -> dict[str, np.ndarray]:
    """All groups but size, of uint8 (b, C, S, S)."""
    grey = batch[:, 0] if batch.shape[1] == 1 else np.rint(batch.mean(axis=1)).astype(np.uint8)  # (b, S, S)
    inner = np.zeros(grey.shape[1:], dtype=bool)
    inner[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    border, flat = grey[:, ~inner], grey.reshape(len(grey), -1)
    of_image = N_BINS * np.arange(len(flat))[:, None]
    counts = np.bincount((flat // (256 // N_BINS) + of_image).ravel(), minlength=N_BINS * len(flat))
    found = {
        BORDER: _moments(border),
        BRIGHTNESS: _moments(flat),
        ENDS: np.column_stack([(flat <= BLACK).mean(axis=1), (flat >= WHITE).mean(axis=1)]),
        GREY: counts.reshape(len(flat), N_BINS) / flat.shape[1],
    }
    return found if batch.shape[1] == 1 else found | {COLOUR: batch.std(axis=1).mean(axis=(1, 2))[:, None]}


def _moments(values: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each row, (b, 2)."""
    return np.column_stack([values.mean(axis=1), values.std(axis=1)])


def _sizes(images: pa.Table) -> np.ndarray:
    width, height = (images[name].to_numpy().astype(np.float64) for name in ("width", "height"))  # null becomes NaN
    sizes = np.column_stack([width, height, np.log2(width), np.log2(height), width / height])
    unknown = np.isnan(sizes).any(axis=1)
    means = sizes[~unknown].mean(axis=0) if not unknown.all() else np.zeros(sizes.shape[1])
    return np.column_stack([np.where(unknown[:, None], means, sizes), unknown])
