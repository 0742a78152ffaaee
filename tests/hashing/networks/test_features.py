"""The trunk of frozen features: PCA beside scikit-learn's, and what it refuses."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from medhash.core.errors import MedhashError
from medhash.hashing.networks.build import build_network
from medhash.hashing.networks.features import FeatureSettings, FeatureTrunk


def features(n: int = 50) -> torch.Tensor:
    random = np.random.default_rng(1)
    return torch.from_numpy((random.normal(size=(n, 12)) @ random.normal(size=(12, 12)) + 3).astype(np.float32))


def test_each_block_is_standardised_reduced_and_halfway_whitened():
    trunk = FeatureTrunk(FeatureSettings(blocks="8+4", pca=3)).eval()
    x = features()
    trunk.fit(x)
    reduced = trunk(x).numpy()
    assert reduced.shape == (50, 6)
    start = 0
    for block, (first, last) in enumerate(((0, 8), (8, 12))):
        part = x.numpy()[:, first:last].astype(np.float64)
        standardised = (part - part.mean(axis=0)) / part.std(axis=0)
        expected = PCA(3).fit_transform(standardised)
        expected /= np.sqrt(expected.std(axis=0))
        found = reduced[:, start : start + 3]
        signs = np.sign((found * expected).sum(axis=0))
        assert found == pytest.approx(expected * signs, abs=1e-4), block
        start += 3


def test_fitting_again_gives_equal_bytes_and_a_new_image_is_only_projected():
    first, second = (FeatureTrunk(FeatureSettings(blocks="12", pca=5)).eval() for _ in range(2))
    for trunk in (first, second):
        trunk.fit(features())
    for name, buffer in first.named_buffers():
        assert torch.equal(buffer, second.get_buffer(name))
    x = features(60)
    torch.testing.assert_close(first(x)[55:], first(x[55:]))


def test_a_hidden_layer_sets_the_width_and_dropout_acts_in_training_only():
    network = build_network({"kind": "features", "blocks": "12", "pca": 5, "hidden": 7, "code_norm": "batch"}, 16)
    assert network.hash_layer.in_features == 7
    network.trunk.fit(features())
    network.eval()
    assert torch.equal(network(features()), network(features()))
    network.train()
    assert not torch.equal(network(features()), network(features()))


def test_too_few_images_and_values_that_are_not_finite_are_refused():
    trunk = FeatureTrunk(FeatureSettings(blocks="12", pca=5))
    with pytest.raises(MedhashError, match="5 training images do not give 5 components"):
        trunk.fit(features(5))
    broken = features()
    broken[3, 2] = float("nan")
    with pytest.raises(MedhashError, match="not finite"):
        trunk.fit(broken)
