"""Spectral hashing: signs of the analytic Laplacian eigenfunctions of a box around the principal components."""

from collections.abc import Mapping

import numpy as np

from medhash.hashing.shallow.itq import principal_components
from medhash.hashing.shallow.linear import Tensors, centred


def fit_sh(features: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Tensors:
    """PCA to K directions v = (x - mean) P, each with its range [a_d, b_d]; the K eigenfunctions
    Φ(x) = sin(π/2 + j π (v_d - a_d)/(b_d - a_d)), modes j ≥ 1, whose eigenvalue
    1 - exp(-(ε²/2) (j π/(b_d - a_d))²), rising in j/(b_d - a_d) at any ε, is smallest.

    features: float32, (N, D); labels and seed: unread. One direction may carry several bits, of several modes.
    Raises MedhashError if bits > D, or for `checked`'s reasons.
    Source: Weiss, Torralba & Fergus, Spectral Hashing (2008), §3. Products of eigenfunctions along different
    directions are left out, as there: their bits are functions of bits already chosen.
    """
    x, mean = centred(features, bits)
    components = principal_components(x, bits)
    v = x @ components
    lower, upper = v.min(axis=0), v.max(axis=0)
    direction, mode = smallest_modes(upper - lower, bits)
    return {
        "mean": mean.astype(np.float32),
        "projection": np.ascontiguousarray(components[:, direction], dtype=np.float32),
        "lower": lower[direction].astype(np.float32),
        "frequency": (mode * np.pi / (upper - lower)[direction]).astype(np.float32),
    }


def smallest_modes(ranges: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions and modes, int (K,) each, of the K smallest j/(b_d - a_d); equal ones by direction, then mode.

    ranges: b - a, (P,), ≥ 0, not all 0.
    """
    modes = np.arange(1, bits + 1)
    with np.errstate(divide="ignore"):
        spatial_frequency = modes / ranges[:, None]  # (P, K); ∞ along a direction of no width
    order = np.argsort(spatial_frequency, axis=None, kind="stable")[:bits]
    direction, column = np.unravel_index(order, spatial_frequency.shape)
    return direction, modes[column]


def eigenfunctions(features: np.ndarray, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Φ_k(x) in [-1, 1], float32 (N, K), of features (N, D). Outside the fitted box the sine goes on, as in the paper's
    out-of-sample extension."""
    v = (features - tensors["mean"]) @ tensors["projection"]
    phi: np.ndarray = np.sin(np.float32(np.pi / 2) + tensors["frequency"] * (v - tensors["lower"]))
    return phi


def eigenfunction_shapes(tensors: Mapping[str, np.ndarray], n_features: int, bits: int) -> dict[str, tuple[int, ...]]:
    """mean (D,); per bit: projection (D, K), lower a (K,), frequency jπ/(b - a) (K,)."""
    return {"mean": (n_features,), "projection": (n_features, bits), "lower": (bits,), "frequency": (bits,)}
