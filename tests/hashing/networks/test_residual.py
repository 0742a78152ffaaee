"""The residual network: published sizes, shapes, and what its settings refuse."""

import pytest
import torch

from medhash.core.errors import MedhashError
from medhash.hashing.networks.build import build_network


@pytest.mark.parametrize(
    ("depth", "width", "bits", "n_parameters"),
    [
        (18, "paper", 64, 83_448),
        (34, "paper", 64, 186_776),
        (18, "paper", 32, 83_448 - 32 * 33),
    ],
)
def test_the_published_stem_has_the_published_number_of_parameters(
    depth: int, width: str, bits: int, n_parameters: int
) -> None:
    network = build_network({"depth": depth, "width": width, "stem": "large"}, bits)
    assert sum(parameter.numel() for parameter in network.parameters()) == n_parameters


@pytest.mark.parametrize(("depth", "n_parameters"), [(18, 83_448), (34, 186_776)])
def test_without_shortcuts_only_the_two_that_widen_are_missing(depth: int, n_parameters: int) -> None:
    network = build_network({"kind": "plain", "depth": depth, "stem": "large"}, 64)
    widening = (8 * 16 + 2 * 16) + (16 * 32 + 2 * 32)  # 1×1 convolution and its norm; an identity has none
    assert sum(parameter.numel() for parameter in network.parameters()) == n_parameters - widening


def test_a_plain_block_adds_nothing_to_what_its_convolutions_give() -> None:
    torch.manual_seed(0)
    x = torch.rand(2, 8, 6, 6)
    for kind, passed_on in (("residual", x), ("plain", torch.zeros_like(x))):
        block = build_network({"kind": kind}, 16).trunk.blocks[0].eval()
        torch.nn.init.zeros_(block.bn2.weight)  # the convolutions give zero
        assert torch.equal(block(x), passed_on)


def test_standard_width_at_34_layers_has_21_million_parameters() -> None:
    network = build_network({"depth": 34, "width": "standard", "stem": "large"}, 64)
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(21.3, abs=0.05)


@pytest.mark.parametrize(("stem", "size_px", "last_px"), [("small", 64, 4), ("large", 224, 7)])
def test_each_stem_leaves_a_map_to_pool_at_its_size(stem: str, size_px: int, last_px: int) -> None:
    network = build_network({"depth": 18, "width": "paper", "stem": stem}, 16)
    maps = network.trunk.blocks(network.trunk.stem(torch.rand(1, 1, size_px, size_px)))
    assert maps.shape == (1, 32, last_px, last_px)


def test_alpha_sharpens_the_same_code_towards_its_signs() -> None:
    torch.manual_seed(0)
    network = build_network({"depth": 18, "width": "paper", "stem": "small"}, 16, in_channels=3).eval()
    x = torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        soft, sharp = network(x), network(x, alpha=256.0)
    assert soft.shape == (4, 16)
    assert (soft.abs() < 1).all()
    assert torch.equal(soft >= 0, sharp >= 0)
    assert (sharp.abs() >= soft.abs()).all()
    torch.testing.assert_close(
        torch.atanh(soft),
        network.hash_layer(network.trunk.blocks(network.trunk.stem(x)).mean(dim=(2, 3))),
        atol=1e-5,
        rtol=1e-4,
    )


def test_channels_named_in_the_settings_win_over_the_argument() -> None:
    network = build_network({"depth": 18, "width": "paper", "in_channels": 3}, 16)
    assert network.trunk.stem[0].weight.shape == (8, 3, 3, 3)


def test_a_batch_norm_on_the_code_keeps_every_bit_alive_and_adds_no_parameter() -> None:
    torch.manual_seed(0)
    settings = {"depth": 18, "width": "paper", "stem": "small"}
    plain, normed = build_network(settings, 16), build_network({**settings, "code_norm": "batch"}, 16)
    assert sum(p.numel() for p in normed.parameters()) == sum(p.numel() for p in plain.parameters())
    with torch.no_grad():
        normed.hash_layer.bias.fill_(3.0)  # would set every bit to 1 without the norm
        z = torch.atanh(normed(torch.rand(64, 1, 32, 32)).double())
    torch.testing.assert_close(z.mean(dim=0), torch.zeros(16).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var(dim=0, unbiased=False), torch.ones(16).double(), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("network", "named"),
    [({"depth": 20}, "depth"), ({"widht": "paper"}, "widht"), ({"stem": "huge"}, "stem"), ({"depth": "18"}, "depth")],
)
def test_a_wrong_setting_is_named(network: dict, named: str) -> None:
    with pytest.raises(MedhashError, match=named):
        build_network(network, 16)
