"""KSH: its spectral start against scipy, its gradient, its greedy objective, and what it is for."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.optimize import check_grad
from scipy.spatial.distance import cdist

from medhash.core.errors import MedhashError
from medhash.hashing.shallow.ksh import (
    bit_loss,
    bit_loss_and_gradient,
    fit_ksh,
    greedy_bits,
    kernel_bits,
    need_for_ksh,
    smooth_bit,
    whitened,
)
from medhash.hashing.shallow.similarity import signed_similarity


@pytest.fixture(scope="module")
def kernel_and_similarity(archive: Any) -> tuple[np.ndarray, np.ndarray]:
    x = archive.gallery.features[:120].astype(np.float64)
    kernel = np.exp(-(cdist(x, x[:20]) ** 2) / (2 * 8**2))
    return kernel - kernel.mean(axis=0), signed_similarity(archive.gallery.labels[:120])


def test_the_spectral_start_is_the_generalised_eigenvector_of_scipy(kernel_and_similarity: Any) -> None:
    kernel, similarity = kernel_and_similarity
    theirs = eigh(kernel.T @ similarity @ kernel, kernel.T @ kernel)[1][:, -1] * np.sqrt(len(kernel))
    basis, back = whitened(kernel)
    ours = back @ np.linalg.eigh(basis.T @ similarity @ basis)[1][:, -1]
    np.testing.assert_allclose(ours * np.sign(ours @ theirs), theirs, rtol=1e-6, atol=1e-8 * np.abs(theirs).max())
    assert np.square(kernel @ ours).sum() == pytest.approx(len(kernel))


def test_the_gradient_is_that_of_finite_differences_and_the_smooth_step_improves(kernel_and_similarity: Any) -> None:
    kernel, similarity = kernel_and_similarity
    basis, _ = whitened(kernel)
    u = np.random.default_rng(0).normal(0, 0.2, basis.shape[1])
    wrong = check_grad(
        lambda p: bit_loss(basis, similarity, p), lambda p: bit_loss_and_gradient(basis, similarity, p)[1], u
    )
    assert wrong < 1e-4 * np.linalg.norm(bit_loss_and_gradient(basis, similarity, u)[1])
    solved = smooth_bit(basis, similarity, u)
    assert bit_loss(basis, similarity, solved) < bit_loss(basis, similarity, u)
    steepness = [np.linalg.norm(bit_loss_and_gradient(basis, similarity, p)[1]) for p in (u, solved)]
    assert steepness[1] < 0.05 * steepness[0]


def test_every_bit_brings_the_codes_products_nearer_to_the_similarity(kernel_and_similarity: Any) -> None:
    kernel, similarity = kernel_and_similarity
    weights, objective = greedy_bits(kernel, similarity, 8)
    assert all(after < before for before, after in itertools.pairwise(objective))
    codes = np.where(kernel @ weights >= 0, 1, -1)
    assert objective[-1] == pytest.approx(np.square(8 * similarity - codes @ codes.T).sum())
    assert objective[0] == 64 * similarity.size


def test_codes_are_the_kernel_expansion_of_the_definition(archive: Any) -> None:
    features = archive.gallery.features
    tensors = fit_ksh(*archive.gallery, 16, 3)
    kernel = np.exp(-(cdist(features - tensors["mean"], tensors["anchors"]) ** 2) / (2 * tensors["width"] ** 2))
    np.testing.assert_allclose(kernel.mean(axis=0), tensors["kernel_mean"], atol=1e-5)
    expected = (kernel - tensors["kernel_mean"]) @ tensors["weights"]
    np.testing.assert_allclose(kernel_bits(features, tensors), expected, atol=1e-3 * np.abs(expected).max())
    assert tensors["width"][0] == pytest.approx(cdist(features - tensors["mean"], tensors["anchors"]).mean(), rel=1e-5)


def test_ksh_ranks_shared_labels_far_above_random_projections(archive: Any, map_of: Any, lsh_map: float) -> None:
    assert map_of(fit_ksh(*archive.gallery, 16, 0), "kernel") > lsh_map + 0.2


def test_fewer_images_than_anchors_are_refused_with_both_numbers(archive: Any) -> None:
    with pytest.raises(MedhashError, match="300 training images, but there are 299"):
        fit_ksh(archive.gallery.features[:299], archive.gallery.labels[:299], 16, 0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(299), "300 training images, but there are 299"),
        (np.eye(300), "no two training images share a label"),
        (np.zeros((300, 2)), "no two training images share a label"),
        (np.ones((300, 2)), "every two training images share a label"),
    ],
)
def test_labels_tell_without_features_that_ksh_cannot_be_fitted(labels: np.ndarray, message: str) -> None:
    with pytest.raises(MedhashError, match=message):
        need_for_ksh(labels)


def test_one_pair_that_shares_a_label_and_one_that_does_not_are_enough() -> None:
    need_for_ksh(np.concatenate([np.eye(300)[:299], np.eye(300)[:1]]))
    need_for_ksh(np.concatenate([np.ones((299, 2)), np.zeros((1, 2))]))
