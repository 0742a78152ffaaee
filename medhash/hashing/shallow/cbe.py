"""Circulant binary embedding: signs of a learnt circulant projection, computed by FFT."""

from collections.abc import Mapping

import numpy as np

from medhash.hashing.shallow.linear import Tensors, centred

ORTHOGONALITY = 1.0
"""λ."""
ITERATIONS = 10
_NEWTON_STEPS = 60


def fit_cbe(features: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Tensors:
    """Flip the signs of the features at random, x ↦ D x, then CBE-opt: min over B, r of
    ||B - X circ(r)ᵀ||²_F + λ ||circ(r) circ(r)ᵀ - I||²_F, B in ±1, its columns from K on 0; code: the first K bits.

    circ(r)'s first column is r, so circ(r) x is the circular convolution of r and x. r starts as N(0, 1).
    features: float32, (N, D); labels: unread. Raises MedhashError if bits > D, or for `checked`'s reasons.
    Source: Yu, Kumar, Gong & Chang, Circulant Binary Embedding (ICML 2014), §4; λ = 1 and images of unit length as
    there. Deviation: features are centred first, as for every linear method here.
    """
    x, mean = centred(features, bits)
    random = np.random.default_rng(seed)
    signs = random.choice([-1.0, 1.0], x.shape[1])
    length = np.linalg.norm(x, axis=1, keepdims=True)
    start = random.standard_normal((x.shape[1],))
    r, _ = alternate(x * signs / np.where(length > 0, length, 1), start, bits, ITERATIONS)
    return {
        "mean": mean.astype(np.float32),
        "signs": signs.astype(np.float32),
        "r": r.astype(np.float32),
        "row": np.arange(bits, dtype=np.int32),
    }


def alternate(x: np.ndarray, r: np.ndarray, bits: int, iterations: int) -> tuple[np.ndarray, list[float]]:
    """B = sgn(X circ(r)ᵀ) and the best r for that B, in turn. x: (N, D), signs flipped; r: (D,).

    Returns r and the objective for the best B at the first r and after every iteration; it never rises.
    """
    spectrum = np.fft.rfft(x)
    spectrum_r = np.fft.rfft(r)
    energy = np.square(np.abs(spectrum)).sum(axis=0)  # m: (D//2 + 1,)
    codes, value = best_codes(x, spectrum, spectrum_r, bits)
    values = [value]
    for _ in range(iterations):
        correlation = (spectrum.conj() * np.fft.rfft(codes)).sum(axis=0)  # c, complex
        spectrum_r = best_spectrum(energy, correlation, ORTHOGONALITY * x.shape[1])
        codes, value = best_codes(x, spectrum, spectrum_r, bits)
        values.append(value)
    return np.fft.irfft(spectrum_r, n=x.shape[1]), values


def best_codes(x: np.ndarray, spectrum: np.ndarray, spectrum_r: np.ndarray, bits: int) -> tuple[np.ndarray, float]:
    """B, (N, D), for a given r, and the objective there; ||RRᵀ - I||² is Σ over all D frequencies (|r̃|² - 1)²."""
    n_features = x.shape[1]
    projected = np.fft.irfft(spectrum * spectrum_r, n=n_features)
    codes = np.where(projected >= 0, 1.0, -1.0)
    codes[:, bits:] = 0
    twice = np.full(len(spectrum_r), 2)  # rfft keeps one of each conjugate pair
    twice[0] = 1
    if n_features % 2 == 0:
        twice[-1] = 1
    departure = (twice * np.square(np.square(np.abs(spectrum_r)) - 1)).sum()
    return codes, float(np.square(codes - projected).sum() + ORTHOGONALITY * departure)


def best_spectrum(energy: np.ndarray, correlation: np.ndarray, weight: float) -> np.ndarray:
    """Per frequency the complex r̃ that minimises m |r̃|² - 2 Re(conj(r̃) c) + λD (|r̃|² - 1)², globally.

    energy m = Σ |x̃|², correlation c = Σ conj(x̃) b̃, weight = λD. At a given modulus ρ the phase of c is best, for the
    real frequencies too (their c is real), which leaves the quartic m ρ² - 2 |c| ρ + λD (ρ² - 1)² in ρ ≥ 0. Its
    derivative 4λD ρ³ + (2m - 4λD) ρ - 2|c| changes sign once among ρ > 0 (Descartes) and is convex there, so Newton's
    method from the right falls onto that root.
    Deviation: the paper takes a local minimum by gradient descent in (Re r̃, Im r̃); this is the global one.
    """
    modulus = np.abs(correlation)
    rho = 1 + np.cbrt(modulus / (2 * weight))  # right of the root: derivative ≥ 0
    for _ in range(_NEWTON_STEPS):
        slope = 4 * weight * rho**3 + (2 * energy - 4 * weight) * rho - 2 * modulus
        curvature = 12 * weight * rho**2 + 2 * energy - 4 * weight
        rho = rho - slope / np.where(curvature > 0, curvature, np.inf)
    phase = np.where(modulus > 0, correlation / np.where(modulus > 0, modulus, 1), 1)
    best: np.ndarray = rho * phase
    return best


def circulant(features: np.ndarray, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """The first K entries of circ(r) D (x - mean), float32 (N, K), of features (N, D)."""
    flipped = (features - tensors["mean"]) * tensors["signs"]
    projected = np.fft.irfft(np.fft.rfft(flipped) * np.fft.rfft(tensors["r"]), n=flipped.shape[1])
    return projected[:, tensors["row"]].astype(np.float32, copy=False)


def circulant_shapes(tensors: Mapping[str, np.ndarray], n_features: int, bits: int) -> dict[str, tuple[int, ...]]:
    """mean, signs and r (D,); row (K,), int32: which rows of circ(r) are the bits."""
    return {"mean": (n_features,), "signs": (n_features,), "r": (n_features,), "row": (bits,)}
