"""Iterative quantisation: principal components, rotated so that their signs lose least."""

import numpy as np

from medhash.hashing.shallow.linear import Tensors, centred, fitted

ITERATIONS = 50


def fit_itq(features: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Tensors:
    """PCA to K dimensions, V = X P, then the rotation R that minimises ||sgn(V R) - V R||²_F; projection P R.

    features: float32, (N, D); labels: unread. Raises MedhashError if bits > D, or for `checked`'s reasons.
    Source: Gong & Lazebnik, Iterative Quantization (2011), §2.2, 50 iterations as there.
    """
    x, mean = centred(features, bits)
    components = principal_components(x, bits)
    rotation, _ = best_rotation(x @ components, random_rotation(bits, seed), ITERATIONS)
    return fitted(mean, components @ rotation)


def principal_components(x: np.ndarray, n_components: int) -> np.ndarray:
    """Eigenvectors (D, K) of xᵀx by falling eigenvalue, x centred; the largest entry of each is positive.

    The sign convention makes equal data give equal bytes.
    """
    _, vectors = np.linalg.eigh(x.T @ x)
    chosen = vectors[:, ::-1][:, :n_components]
    largest = np.abs(chosen).argmax(axis=0)
    return chosen * np.sign(chosen[largest, np.arange(n_components)])


def random_rotation(size: int, seed: int) -> np.ndarray:
    """A random orthogonal matrix, uniform once the diagonal of the QR decomposition's R is made positive."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))
    return q * np.sign(np.diag(r))


def best_rotation(v: np.ndarray, rotation: np.ndarray, iterations: int) -> tuple[np.ndarray, list[float]]:
    """Alternate B = sgn(V R) and R = U Wᵀ, where U S Wᵀ is the SVD of Vᵀ B (orthogonal Procrustes).

    v: (N, K). Returns R and the quantisation error ||B - V R||²_F before the first and after every iteration.
    """
    codes = np.where(v @ rotation >= 0, 1.0, -1.0)
    errors = [float(np.square(codes - v @ rotation).sum())]
    for _ in range(iterations):
        left, _, right = np.linalg.svd(v.T @ codes)
        rotation = left @ right
        codes = np.where(v @ rotation >= 0, 1.0, -1.0)
        errors.append(float(np.square(codes - v @ rotation).sum()))
    return rotation, errors
