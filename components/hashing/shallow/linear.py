"""What linear hashing methods share: the shape of a fit, and the checks before one."""

from collections.abc import Callable

import numpy as np

from components.errors import MedhashError

Tensors = dict[str, np.ndarray]
"""mean (D,) and projection (D, K), float32: relaxed = (x - mean) @ projection."""
Fit = Callable[[np.ndarray, int, int], Tensors]
"""(features (N, D) float32, bits K, seed) → tensors."""


def centred(features: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Features minus their mean, and the mean, in float64.

    Raises MedhashError if there are no features, or fewer dimensions than bits.
    """
    n_images, n_features = features.shape
    if n_images == 0:
        raise MedhashError("there are no features to fit", "ingest images with pixels and run the features stage")
    if bits > n_features:
        raise MedhashError(f"{bits} bits need at least as many features, but there are {n_features}",
                           f"set bits to {n_features} or less")
    exact = features.astype(np.float64)
    mean = exact.mean(axis=0)
    return exact - mean, mean


def fitted(mean: np.ndarray, projection: np.ndarray) -> Tensors:
    return {"mean": mean.astype(np.float32), "projection": np.ascontiguousarray(projection, dtype=np.float32)}


def project(features: np.ndarray, tensors: Tensors) -> np.ndarray:
    """Relaxed codes float32, (N, K), of features (N, D)."""
    return (features - tensors["mean"]) @ tensors["projection"]
