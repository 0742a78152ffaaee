"""Semi-supervised hashing: its first projection, its residual labels, its orthogonal directions."""

from typing import Any

import numpy as np

from medhash.hashing.shallow.similarity import signed_similarity
from medhash.hashing.shallow.ssh import STEP, VARIANCE, fit_ssh, sequential_projections


def centred_images(archive: Any) -> tuple[np.ndarray, np.ndarray]:
    x = archive.gallery.features.astype(np.float64)
    return x - x.mean(axis=0), signed_similarity(archive.gallery.labels)


def test_the_first_projection_is_the_top_eigenvector_of_the_matrix_summed_pair_by_pair(archive: Any) -> None:
    x, similarity = centred_images(archive)
    labelled = x[:40]
    pairs = sum(similarity[i, j] * np.outer(labelled[i], labelled[j]) for i in range(40) for j in range(40))
    eta = VARIANCE * np.abs(np.linalg.eigvalsh(pairs)).max() / np.linalg.eigvalsh(x.T @ x)[-1]
    values, vectors = np.linalg.eig(pairs + eta * x.T @ x)
    expected = vectors[:, values.real.argmax()].real
    found = sequential_projections(x, labelled, similarity[:40, :40], 1)[0][:, 0]
    np.testing.assert_allclose(found * np.sign(found @ expected), expected, atol=1e-8)


def test_only_pairs_on_the_wrong_side_gain_weight(archive: Any) -> None:
    x, similarity = centred_images(archive)
    projection, left = sequential_projections(x, x[:50], similarity[:50, :50], 1)
    p = x[:50] @ projection[:, 0]
    p /= np.sqrt(np.square(p).mean())
    for i in range(50):
        for j in range(50):
            gain = STEP * abs(p[i] * p[j]) if p[i] * p[j] * similarity[i, j] < 0 else 0
            np.testing.assert_allclose(left[i, j], similarity[i, j] * (1 + gain))


def test_directions_are_orthonormal(archive: Any) -> None:
    projection = fit_ssh(*archive.gallery, 32, 0)["projection"].astype(np.float64)
    np.testing.assert_allclose(projection.T @ projection, np.eye(32), atol=1e-5)


def test_ssh_ranks_shared_labels_above_random_projections(archive: Any, map_of: Any, lsh_map: float) -> None:
    assert map_of(fit_ssh(*archive.gallery, 16, 0), "linear") > lsh_map + 0.05
