"""Synthetic radiographs for benchmarks: noise with a bright quarter per class, so that only speeds mean anything."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from medhash.core.workspace import Workspace
    from medhash.training.data import DataSet

N_CLASSES = 4


def pixels_of(n_images: int, size_px: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images (n, 1, size, size) and their classes (n,)."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 100, (n_images, 1, size_px, size_px), dtype=np.uint8)
    classes = np.arange(n_images) % N_CLASSES
    half = size_px // 2
    for image, label in zip(pixels, classes, strict=True):
        top, left = label // 2 * half, label % 2 * half
        image[0, top : top + half, left : left + half] += 100
    return pixels, classes


def data_set(folder: Path, pixels: np.ndarray, classes: np.ndarray, n_val: int = 0) -> "tuple[Workspace, DataSet]":
    """A workspace that holds the pixels, and the tables that a training reads; the first n_val images are val."""
    from medhash.core.workspace import Workspace
    from medhash.hashing.bags import bags_of_one
    from medhash.training.data import DataSet, Fold

    workspace = Workspace(folder)
    workspace.pixels.parent.mkdir(parents=True, exist_ok=True)
    np.save(workspace.pixels, pixels)
    numbers = np.arange(len(pixels))
    everything = Fold(
        numbers.astype(str),
        numbers,
        bags_of_one(len(numbers)),
        np.eye(N_CLASSES, dtype=np.float32)[classes],
        classes.astype(np.int32),
        numbers,
    )
    folds = {"train": everything.take(numbers[n_val:]), "val": everything.take(numbers[:n_val])}
    return workspace, DataSet(
        folds, np.eye(N_CLASSES, dtype=np.int16), [f"class {n}" for n in range(N_CLASSES)], "synthetic"
    )
