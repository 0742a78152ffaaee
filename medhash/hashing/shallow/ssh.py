"""Semi-supervised hashing by sequential projection learning: each bit mends the pairs the last one got wrong."""

import numpy as np

from medhash.hashing.shallow.linear import Tensors, centred, fitted, need_images
from medhash.hashing.shallow.similarity import labelled_sample, signed_similarity

VARIANCE = 1.0
"""η, as a multiple of what makes η X Xᵀ and X_l S X_lᵀ equal in spectral norm."""
STEP = 1.0
"""α: what a wrong pair's label gains, where a labelled projection has unit mean square."""


def fit_ssh(features: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Tensors:
    """w_k = top eigenvector of M_k = X_l S_k X_lᵀ + η X Xᵀ; b = sgn((x - mean) W).

    After each bit S_{k+1} = S_k - α T(p pᵀ, S_k) with p = X_lᵀ w_k of unit mean square and T keeping the pairs that
    p pᵀ puts on the wrong side, and w_k's direction is removed from X: so W's columns are orthonormal.
    X_l: up to 2,000 labelled images; S_1 = +1 where two share a label, else -1.
    features: float32, (N, D); labels: multi-hot, (N, C). Raises MedhashError if bits > D, bits ≥ N, no two images
    share a label or all do, or for `checked`'s reasons.
    Source: Wang, Kumar & Chang, Semi-Supervised Hashing for Large-Scale Search (2012), §3.4, Algorithm 1 (SPLH).
    The paper leaves η and α open; ours are above.
    """
    x, mean = centred(features, bits)
    need_images(len(x), bits + 1, f"SSH at {bits} bits")
    rows = labelled_sample(len(x), np.random.default_rng(seed))
    projection, _ = sequential_projections(x, x[rows], signed_similarity(labels[rows]), bits)
    return fitted(mean, projection)


def sequential_projections(
    x: np.ndarray, labelled: np.ndarray, similarity: np.ndarray, bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """W, (D, K), and the S left at the end, (l, l). x: (N, D), centred; labelled: its rows (l, D)."""
    similarity = similarity.copy()
    variance = x.T @ x
    eta = VARIANCE * np.linalg.norm(labelled.T @ similarity @ labelled, 2) / np.linalg.norm(variance, 2)
    variance *= eta
    remaining = np.eye(x.shape[1])  # projector onto what earlier bits left of X
    columns = []
    for _ in range(bits):
        matrix = remaining @ (labelled.T @ similarity @ labelled + variance) @ remaining
        w = top_eigenvector(matrix)
        w = remaining @ w
        w /= np.linalg.norm(w)
        p = labelled @ w
        predicted = np.outer(p, p) / np.square(p).mean()
        wrong = predicted * similarity < 0
        similarity[wrong] -= STEP * predicted[wrong]
        remaining -= np.outer(w, w)
        columns.append(w)
    return np.stack(columns, axis=1), similarity


def top_eigenvector(matrix: np.ndarray) -> np.ndarray:
    """Of the largest (signed) eigenvalue; its largest entry is positive, so that equal data give equal bytes."""
    from scipy.linalg import eigh

    last = len(matrix) - 1
    vector: np.ndarray = eigh(matrix, subset_by_index=[last, last])[1][:, 0]
    return vector * np.sign(vector[np.abs(vector).argmax()])
