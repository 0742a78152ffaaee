"""Deep hashing of features: its losses by definition, its gradients, its descent, and what supervision adds."""

import itertools
from typing import Any

import numpy as np
import pytest

from medhash.hashing.shallow import dh, sdh
from medhash.hashing.shallow.layers import (
    SATURATED,
    CodeLoss,
    Layer,
    descend,
    layer_outputs,
    network_loss_and_gradient,
    outputs_of,
    whitened_components,
)


def small_net() -> tuple[list[Layer], np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    layers = [Layer(random.normal(0, 0.5, (a, b)), random.normal(0, 0.1, b)) for a, b in ((6, 5), (5, 4), (4, 3))]
    labels = (random.random((20, 3)) < 0.4).astype(np.float32)
    labels[0] = 0  # an image without a label
    return layers, random.normal(size=(20, 6)), labels


def losses(labels: np.ndarray) -> dict[str, CodeLoss]:
    return {"dh": dh.code_loss, "scatter": sdh.scatter_loss(labels)}


@pytest.mark.parametrize("name", ["dh", "scatter"])
def test_the_gradient_of_every_weight_is_that_of_finite_differences(name: str) -> None:
    layers, x, labels = small_net()
    code_loss = losses(labels)[name]
    _, slopes = network_loss_and_gradient(layers, x, code_loss)
    for number, part in itertools.product(range(3), (0, 1)):
        values = layers[number][part]
        for index in np.ndindex(values.shape):
            kept, sides = values[index], []
            for step in (1e-6, -1e-6):
                values[index] = kept + step
                sides.append(network_loss_and_gradient(layers, x, code_loss)[0])
            values[index] = kept
            assert slopes[number][part][index] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-4, abs=1e-6)


def test_the_loss_is_the_papers_sum_of_terms() -> None:
    layers, x, _ = small_net()
    h = outputs_of(layers, x)[-1]
    b = np.where(h >= 0, 1, -1)
    expected = (
        sum(np.sum((b[i] - h[i]) ** 2) for i in range(20)) / 40
        - 100 / 2 * np.trace(h.T @ h) / 20
        + 0.0005 * sum(np.linalg.norm(w.T @ w - np.eye(w.shape[1])) ** 2 for w, _ in layers)
        + 0.0005 * sum(np.linalg.norm(w) ** 2 + np.linalg.norm(c) ** 2 for w, c in layers)
    )
    assert network_loss_and_gradient(layers, x, dh.code_loss)[0] == pytest.approx(expected)


def test_the_scatter_equals_plain_loops_over_pairs() -> None:
    layers, x, labels = small_net()
    h = outputs_of(layers, x)[-1]
    pairs: dict[bool, list[float]] = {True: [], False: []}
    for i, j in itertools.permutations(range(20), 2):
        pairs[bool(labels[i] @ labels[j] > 0)].append(np.sum((h[i] - h[j]) ** 2))
    expected = -100 / 2 * (np.mean(pairs[False]) - np.mean(pairs[True]))
    assert sdh.scatter_loss(labels)(h)[0] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["dh", "scatter"])
def test_training_lowers_the_loss_and_ends_near_binary(name: str) -> None:
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(100, 6)), np.eye(3)[np.arange(100) % 3]
    start = [Layer(np.eye(6), np.zeros(6)), Layer(np.eye(6, 4), np.zeros(4))]
    layers, values = descend(start, x, losses(labels)[name], 60)
    assert all(after <= before for before, after in itertools.pairwise(values))
    assert values[-1] < values[0]
    assert np.abs(outputs_of(layers, x)[-1]).mean() >= SATURATED


def test_whitening_gives_unit_variance_and_leaves_out_what_does_not_vary() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(50, 4)) @ random.normal(size=(4, 7))
    x -= x.mean(axis=0)
    white = x @ whitened_components(x, 6)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.diag([1, 1, 1, 1, 0, 0]), atol=1e-8)


def test_saved_layers_compute_the_network_of_the_paper(archive: Any) -> None:
    tensors = dh.fit_dh(*archive.gallery, 16, 0)
    assert [tensors[f"weight_{number}"].shape for number in (1, 2, 3)] == [(32, 32), (32, 30), (30, 16)]
    h = archive.queries.features.astype(np.float64) - tensors["mean"]
    for number in (1, 2, 3):
        h = np.tanh(h @ tensors[f"weight_{number}"] + tensors[f"bias_{number}"])
    np.testing.assert_allclose(layer_outputs(archive.queries.features, tensors), h, atol=1e-5)


def test_sdh_ranks_shared_labels_above_dh_and_above_random_projections(
    archive: Any, map_of: Any, lsh_map: float
) -> None:
    unsupervised, supervised = (map_of(fit(*archive.gallery, 16, 0), "layers") for fit in (dh.fit_dh, sdh.fit_sdh))
    assert supervised > max(lsh_map, unsupervised) + 0.2
