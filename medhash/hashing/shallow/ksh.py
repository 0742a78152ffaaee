"""Supervised hashing with kernels: bits learnt one by one to reproduce who shares a label."""

from collections.abc import Mapping

import numpy as np

from medhash.hashing.shallow.linear import Tensors, axis_size, checked, need_images
from medhash.hashing.shallow.similarity import labelled_sample, need_both_kinds, signed_similarity

N_ANCHORS = 300
ITERATIONS = 500
TOLERANCE = 1e-4
"""A bit is done when an accepted step improves its objective by less than this share."""
_FLAT = 1e-6
"""Directions of the kernel below this share of the largest variance carry no bit: in float32 they would be noise."""


def fit_ksh(features: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Tensors:
    """h(x) = sgn(Σ_j a_j (κ(x_j, x) - μ_j)) over 300 anchors x_j; κ = exp(-||x_j - x||²/2σ²), μ = mean of κ.

    On up to 2,000 labelled images with S = ±1 (a label shared or not) bit k minimises ||R_k - h hᵀ||²_F, with
    R_1 = K S, R_{k+1} = R_k - h_k h_kᵀ, so that Σ h hᵀ approaches K S.
    features: float32, (N, D); labels: multi-hot, (N, C). Raises MedhashError if there are fewer images than anchors,
    no two images share a label or all do, or for `checked`'s reasons.
    Source: Liu, Wang, Ji, Jiang & Chang, Supervised Hashing with Kernels (CVPR 2012), §3. The paper tunes σ per data
    set; here σ is the mean distance of an image to an anchor.
    """
    exact = checked(features)
    need_for_ksh(labels)
    random = np.random.default_rng(seed)
    mean = exact.mean(axis=0)
    anchors = (exact - mean)[np.sort(random.choice(len(exact), N_ANCHORS, replace=False))]
    squared = squared_distances(exact - mean, anchors)
    width = np.sqrt(squared).mean()
    kernel = np.exp(-squared / (2 * width**2))
    kernel_mean = kernel.mean(axis=0)
    rows = labelled_sample(len(exact), random)
    weights, _ = greedy_bits(kernel[rows] - kernel_mean, signed_similarity(labels[rows]), bits)
    return {
        "mean": mean.astype(np.float32),
        "anchors": anchors.astype(np.float32),
        "width": np.array([width], np.float32),
        "kernel_mean": kernel_mean.astype(np.float32),
        "weights": weights.astype(np.float32),
    }


def need_for_ksh(labels: np.ndarray) -> None:
    """Raises MedhashError if KSH has too few images for its anchors, or no two of them share a label, or all do.

    labels: multi-hot, (N, C). What `fit_ksh` would say of them, without features.
    """
    need_images(len(labels), N_ANCHORS, f"KSH draws {N_ANCHORS} anchors, and so it")
    sets, n_images = np.unique(labels > 0, axis=0, return_counts=True)
    share = sets.astype(np.float32) @ sets.T.astype(np.float32) > 0  # set × set
    n_similar = int(n_images @ share @ n_images - n_images[share.diagonal()].sum())
    need_both_kinds(n_similar, len(labels) * (len(labels) - 1))


def greedy_bits(kernel: np.ndarray, similarity: np.ndarray, bits: int) -> tuple[np.ndarray, list[float]]:
    """Weights A, (m, K), bit by bit, and ||R||²_F before the first and after every bit.

    kernel: K̄ centred, (l, m); similarity: S, (l, l). Each bit starts at the spectral relaxation and goes on from there
    by `smooth_bit`; of the two the one with the larger hᵀRh is kept.
    """
    basis, back = whitened(kernel)
    residual = bits * similarity
    projected = basis.T @ residual @ basis  # K̄ᵀRK̄ in the basis
    weights, objective = [], [float(np.square(residual).sum())]
    for _ in range(bits):
        spectral = np.linalg.eigh(projected)[1][:, -1]
        spectral *= np.sign(spectral[np.abs(spectral).argmax()])
        candidates = [spectral, smooth_bit(basis, residual, spectral)]
        codes = [np.where(basis @ u >= 0, 1.0, -1.0) for u in candidates]
        best = int(np.argmax([h @ residual @ h for h in codes]))
        h = codes[best]
        residual -= np.outer(h, h)
        projected -= np.outer(basis.T @ h, basis.T @ h)
        weights.append(back @ candidates[best])
        objective.append(float(np.square(residual).sum()))
    return np.stack(weights, axis=1), objective


def whitened(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Q = K̄ T with QᵀQ = l I, and T: a = T u turns the relaxation's (K̄a)ᵀ(K̄a) = l into ||u|| = 1.

    The generalised eigenproblem K̄ᵀRK̄ a = λ K̄ᵀK̄ a becomes the plain one of QᵀRQ, also where K̄ᵀK̄ is singular.
    """
    variances, vectors = np.linalg.eigh(kernel.T @ kernel)
    kept = variances > _FLAT * variances[-1]
    back = vectors[:, kept] * np.sqrt(len(kernel) / variances[kept])
    return kernel @ back, back


def smooth_bit(basis: np.ndarray, residual: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Minimise -b(u)ᵀ R b(u), b = φ(Q u), φ(x) = 2/(1 + exp(-x)) - 1 = tanh(x/2), from u = start.

    Nesterov's accelerated gradient with backtracking, up to 500 steps as in the paper. Deviation: it runs on u of
    `whitened`, where the problem is the same and better conditioned than in a, restarts its momentum when a step
    rises, and stops at a tolerance.
    """
    u, ahead, momentum, curvature = start, start, 1.0, 1.0
    value = bit_loss_and_gradient(basis, residual, start)[0]
    for _ in range(ITERATIONS):
        value_ahead, gradient = bit_loss_and_gradient(basis, residual, ahead)
        steepness = float(gradient @ gradient)
        if steepness == 0:
            break
        curvature = max(curvature / 2, 1e-12)
        while True:
            following = ahead - gradient / curvature
            value_following = bit_loss(basis, residual, following)
            if value_following <= value_ahead - steepness / (2 * curvature) or steepness / curvature < 1e-16:
                break
            curvature *= 2
        if value_following > value:
            if momentum == 1:
                break
            ahead, momentum = u, 1.0
            continue
        gain, value = value - value_following, value_following
        next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / next_momentum * (following - u)
        u, momentum = following, next_momentum
        if gain < TOLERANCE * abs(value):
            break
    return u


def bit_loss(basis: np.ndarray, residual: np.ndarray, u: np.ndarray) -> float:
    b = np.tanh(basis @ u / 2)
    return float(-b @ (residual @ b))


def bit_loss_and_gradient(basis: np.ndarray, residual: np.ndarray, u: np.ndarray) -> tuple[float, np.ndarray]:
    """-bᵀRb and its gradient -Qᵀ((R b) ∘ (1 - b∘b)); φ' = (1 - φ²)/2, and R is symmetric."""
    b = np.tanh(basis @ u / 2)
    pull = residual @ b
    return float(-b @ pull), -basis.T @ (pull * (1 - b * b))


def squared_distances(x: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """||x_i - a_j||², (N, m)."""
    squared: np.ndarray = np.square(x).sum(axis=1)[:, None] + np.square(anchors).sum(axis=1) - 2 * x @ anchors.T
    return np.maximum(squared, 0)


def kernel_bits(features: np.ndarray, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Relaxed codes Σ_j a_j (κ(x_j, x) - μ_j), float32 (N, K), of features (N, D)."""
    squared = squared_distances(features - tensors["mean"], tensors["anchors"])
    relaxed: np.ndarray = (np.exp(-squared / (2 * tensors["width"] ** 2)) - tensors["kernel_mean"]) @ tensors["weights"]
    return relaxed


def kernel_shapes(tensors: Mapping[str, np.ndarray], n_features: int, bits: int) -> dict[str, tuple[int, ...]]:
    """mean (D,), anchors (m, D), width (1,), kernel_mean (m,), weights (m, K); m is free."""
    n_anchors = axis_size(tensors, "anchors")
    return {
        "mean": (n_features,),
        "anchors": (n_anchors, n_features),
        "width": (1,),
        "kernel_mean": (n_anchors,),
        "weights": (n_anchors, bits),
    }
