"""Iterative quantisation: principal components as scikit-learn finds them, and a rotation that only improves."""

import itertools

import numpy as np
import pytest
from sklearn.decomposition import PCA

from medhash.core.errors import MedhashError
from medhash.hashing.shallow.itq import best_rotation, fit_itq, principal_components, random_rotation
from medhash.hashing.shallow.linear import project

UNREAD = np.zeros((0, 0), np.float32)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.normal(size=(300, 20)) @ random.normal(size=(20, 20)) + 5).astype(np.float32)


def test_the_components_are_those_of_scikit_learn(features: np.ndarray) -> None:
    centred = features.astype(np.float64) - features.astype(np.float64).mean(axis=0)
    ours = principal_components(centred, 8)
    theirs = PCA(n_components=8, svd_solver="full").fit(features.astype(np.float64)).components_.T
    np.testing.assert_allclose(np.abs((ours * theirs).sum(axis=0)), 1, atol=1e-9)  # same up to sign
    assert (ours[np.abs(ours).argmax(axis=0), np.arange(8)] > 0).all()


def test_the_fitted_projection_spans_the_principal_space_orthonormally(features: np.ndarray) -> None:
    tensors = fit_itq(features, UNREAD, 8, seed=3)
    basis = PCA(n_components=8, svd_solver="full").fit(features.astype(np.float64)).components_.T
    projection = tensors["projection"].astype(np.float64)
    np.testing.assert_allclose(projection.T @ projection, np.eye(8), atol=1e-5)
    np.testing.assert_allclose(basis @ (basis.T @ projection), projection, atol=1e-5)


def test_the_quantisation_error_never_rises_and_the_rotation_stays_orthogonal(features: np.ndarray) -> None:
    centred = features.astype(np.float64) - features.astype(np.float64).mean(axis=0)
    v = centred @ principal_components(centred, 8)
    rotation, errors = best_rotation(v, random_rotation(8, seed=0), 50)
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(errors))
    assert errors[-1] < 0.99 * errors[0]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(8), atol=1e-10)
    codes = np.where(v @ rotation >= 0, 1, -1)
    assert errors[-1] == pytest.approx(np.linalg.norm(codes - v @ rotation) ** 2)


def test_no_rotation_of_the_plane_beats_the_one_found() -> None:
    random = np.random.default_rng(1)
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])[random.integers(0, 4, 200)]
    v = (corners + random.normal(0, 0.1, (200, 2))) @ random_rotation(2, seed=5)

    def error(rotation: np.ndarray) -> float:
        return float(np.square(np.where(v @ rotation >= 0, 1, -1) - v @ rotation).sum())

    angles = np.linspace(0, np.pi, 721)
    by_search = min(error(np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])) for t in angles)
    rotation, _ = best_rotation(v, random_rotation(2, seed=6), 50)
    assert error(rotation) <= by_search + 1e-9


def test_equal_data_and_seed_give_equal_bytes_and_another_seed_does_not(features: np.ndarray) -> None:
    first, second, other = (fit_itq(features, UNREAD, 8, seed)["projection"].tobytes() for seed in (0, 0, 1))
    assert first == second != other


def test_codes_keep_near_images_nearer_than_far_ones(features: np.ndarray) -> None:
    relaxed = project(features, fit_itq(features, UNREAD, 16, seed=0))
    hamming = ((relaxed[:, None] >= 0) != (relaxed[None] >= 0)).sum(axis=2)
    euclidean = np.linalg.norm(features[:, None] - features[None], axis=2)
    near = euclidean < np.quantile(euclidean, 0.1)
    assert hamming[near].mean() < 0.7 * hamming[~near].mean()


def test_more_bits_than_features_are_refused(features: np.ndarray) -> None:
    with pytest.raises(MedhashError, match="32 bits need at least as many features"):
        fit_itq(features, UNREAD, 32, seed=0)
