"""AlexNet and CNN-F: published sizes, what the images' size leaves, dropout, and the response norm."""

import pytest
import torch
from torch.nn.functional import local_response_norm

from medhash.core.errors import MedhashError
from medhash.hashing.networks.build import build_network
from medhash.hashing.networks.eight_layers import ResponseNorm


@pytest.mark.parametrize(("kind", "n_parameters"), [("alexnet", 60_965_224), ("cnn-f", 60_834_536)])
def test_the_published_network_has_the_published_number_of_parameters(kind: str, n_parameters: int) -> None:
    with torch.device("meta"):
        network = build_network({"kind": kind, "stem": "large"}, 1000, in_channels=3, size_px=224)
    assert sum(parameter.numel() for parameter in network.parameters()) == n_parameters


@pytest.mark.parametrize("kind", ["alexnet", "cnn-f"])
@pytest.mark.parametrize(
    ("stem", "size_px", "last_px"), [("large", 224, 6), ("small", 64, 4), ("small", 32, 2), ("small", 16, 1)]
)
def test_the_sixth_layer_takes_the_map_that_the_images_leave(kind: str, stem: str, size_px: int, last_px: int) -> None:
    with torch.device("meta"):
        network = build_network({"kind": kind, "stem": stem}, 16, size_px=size_px)
        codes = network(torch.zeros(3, 1, size_px, size_px))
        features = network.trunk(torch.zeros(3, 1, size_px, size_px))
    assert network.trunk.fc6.weight.shape == (4096, 256 * last_px**2)
    assert codes.shape == (3, 16)
    assert features.shape == (3, network.trunk.n_features) == (3, 4096)


def test_alexnets_second_convolution_sees_one_half_of_the_channels() -> None:
    torch.manual_seed(0)
    convolution = build_network({"kind": "alexnet"}, 8, size_px=16).trunk.conv2
    maps = torch.rand(1, 96, 5, 5)
    changed = torch.cat([maps[:, :48], torch.rand(1, 48, 5, 5)], dim=1)
    before, after = convolution(maps), convolution(changed)
    assert torch.equal(before[:, :128], after[:, :128])
    assert (before[:, 128:] != after[:, 128:]).any()


def test_half_of_the_features_are_dropped_in_training_by_the_seed_and_none_in_use() -> None:
    torch.manual_seed(0)
    network = build_network({"kind": "cnn-f", "head": "embedding"}, 8, size_px=16)
    x = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        torch.manual_seed(1)
        first = network(x)
        torch.manual_seed(1)
        again, other = network(x), network(x)
        used = network.eval()(x)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (used == 0).float().mean() == pytest.approx(0.5, abs=0.1)  # ReLU
    assert (first == 0).float().mean() == pytest.approx(0.75, abs=0.05)  # ReLU, then dropout
    assert torch.equal(used, network(x))
    assert first.std() / x.std() == pytest.approx(1, abs=0.99)  # the scale of x goes through


def test_the_response_norm_is_its_formula_and_torchs_own() -> None:
    torch.manual_seed(0)
    a = (30 * torch.randn(2, 9, 3, 3, dtype=torch.float64)).requires_grad_()
    norm = ResponseNorm()
    b = norm(a)
    for channel in (0, 1, 4, 8):
        near = range(max(0, channel - 2), min(8, channel + 2) + 1)
        energy = sum(float(a[1, other, 2, 0]) ** 2 for other in near)
        assert float(b[1, channel, 2, 0]) == pytest.approx(float(a[1, channel, 2, 0]) / (2 + 1e-4 * energy) ** 0.75)
    torch.testing.assert_close(b, local_response_norm(a, 5, alpha=5e-4, beta=0.75, k=2.0))
    assert torch.autograd.gradcheck(norm, (a[:1, :, :2, :2],))


def test_images_of_another_size_and_images_of_which_nothing_is_left_are_refused() -> None:
    network = build_network({"kind": "cnn-f"}, 8, size_px=16)
    with pytest.raises(MedhashError, match=r"16 px, not \(32, 32\)"):
        network(torch.zeros(1, 1, 32, 32))
    with pytest.raises(MedhashError, match="16 px are too small for alexnet with stem large"):
        build_network({"kind": "alexnet", "stem": "large"}, 8, size_px=16)


@pytest.mark.parametrize(
    ("network", "named"),
    [
        ({"kind": "cnn-f", "depth": 18}, "depth"),
        ({"kind": "alexnet", "stem": "huge"}, "stem"),
        ({"kind": "vgg-f"}, "residual, plain, alexnet, cnn-f, torchvision or features"),
    ],
)
def test_a_wrong_setting_is_named(network: dict, named: str) -> None:
    with pytest.raises(MedhashError, match=named):
        build_network(network, 16)
