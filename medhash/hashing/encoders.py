"""Encoders: how a fitted shallow method turns features into relaxed codes, and the shapes its tensors must have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from medhash.hashing.shallow.cbe import circulant, circulant_shapes
from medhash.hashing.shallow.ksh import kernel_bits, kernel_shapes
from medhash.hashing.shallow.layers import layer_outputs, layer_shapes
from medhash.hashing.shallow.linear import linear_shapes, project
from medhash.hashing.shallow.mhf import forest_paths, forest_shapes
from medhash.hashing.shallow.sh import eigenfunction_shapes, eigenfunctions


@dataclass(frozen=True)
class FeatureEncoder:
    """What a model of one family of codes computes."""

    relaxed: Callable[[np.ndarray, Mapping[str, np.ndarray]], np.ndarray]
    """(features (N, D) float32, tensors) → relaxed codes, float32 (N, K); a bit is 1 where its value is ≥ 0. An image's
    code does not depend on the other images."""
    shapes: Callable[[Mapping[str, np.ndarray], int, int], dict[str, tuple[int, ...]]]
    """(tensors, D, K) → the shape each tensor must have; free sizes are read from the tensors."""


ENCODERS: dict[str, FeatureEncoder] = {
    "linear": FeatureEncoder(project, linear_shapes),  # lsh, itq, ssh
    "eigenfunctions": FeatureEncoder(eigenfunctions, eigenfunction_shapes),  # sh
    "circulant": FeatureEncoder(circulant, circulant_shapes),  # cbe
    "kernel": FeatureEncoder(kernel_bits, kernel_shapes),  # ksh
    "layers": FeatureEncoder(layer_outputs, layer_shapes),  # dh, sdh
    "forest": FeatureEncoder(forest_paths, forest_shapes),  # mhf
}
