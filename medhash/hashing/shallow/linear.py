"""Linear codes, (x - mean) @ projection, and what every fit shares: its shape, and the checks before it."""

from collections.abc import Callable, Mapping

import numpy as np

from medhash.core.errors import MedhashError

Tensors = dict[str, np.ndarray]
"""What a fitted method keeps, float32 or int32, named as its encoder (hashing.encoders) expects."""
Fit = Callable[[np.ndarray, np.ndarray, int, int], Tensors]
"""(features (N, D) float32, labels (N, C) float32 multi-hot, bits K, seed) → tensors. Unsupervised methods leave the
labels unread."""


def checked(features: np.ndarray) -> np.ndarray:
    """Features as float64, (N, D).

    Raises MedhashError if there are none, a value is not finite, or all images have the same ones.
    """
    if len(features) == 0:
        raise MedhashError("there are no features to fit", "ingest images with pixels and run the features stage")
    if not np.isfinite(features).all():
        row = int((~np.isfinite(features).all(axis=1)).argmax())
        raise MedhashError(
            f"the features of training image {row} (counted from 0) are not finite", "run the features stage again"
        )
    if (features == features[0]).all():
        raise MedhashError(
            f"all {len(features)} training images have the same features",
            "check that the pixels are not blank, then run the features stage again",
        )
    return features.astype(np.float64)


def centred(features: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Features minus their mean, (N, D), and the mean, (D,), in float64.

    Raises MedhashError as `checked` does, or if there are fewer dimensions than bits.
    """
    if len(features) and bits > features.shape[1]:
        raise MedhashError(
            f"{bits} bits need at least as many features, but there are {features.shape[1]}",
            f"set bits to {features.shape[1]} or less",
        )
    exact = checked(features)
    mean = exact.mean(axis=0)
    return exact - mean, mean


def need_images(n_images: int, needed: int, purpose: str) -> None:
    """Raises MedhashError if there are fewer images than a method needs."""
    if n_images < needed:
        raise MedhashError(
            f"{purpose} takes at least {needed} training images, but there are {n_images}",
            "add images to the train fold, or choose another method",
        )


def fitted(mean: np.ndarray, projection: np.ndarray) -> Tensors:
    return {"mean": mean.astype(np.float32), "projection": np.ascontiguousarray(projection, dtype=np.float32)}


def project(features: np.ndarray, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Relaxed codes float32, (N, K), of features (N, D)."""
    relaxed: np.ndarray = (features - tensors["mean"]) @ tensors["projection"]
    return relaxed


def linear_shapes(tensors: Mapping[str, np.ndarray], n_features: int, bits: int) -> dict[str, tuple[int, ...]]:
    """mean (D,), projection (D, K)."""
    return {"mean": (n_features,), "projection": (n_features, bits)}


def axis_size(tensors: Mapping[str, np.ndarray], name: str, axis: int = 0) -> int:
    """A free size, read from a tensor; 1 where the tensor or the axis is missing, which the shape check then finds."""
    return int(tensors[name].shape[axis]) if name in tensors and tensors[name].ndim > axis else 1
