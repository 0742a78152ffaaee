"""Initial weights: what a file brings is what the trunk then computes, and nothing stays random unseen."""

import io
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from medhash.core.errors import MedhashError
from medhash.hashing.networks.build import build_network
from medhash.hashing.networks.initial import load_initial_weights
from medhash.hashing.networks.network import HashNetwork

RESIDUAL = {"kind": "residual", "depth": 18, "width": "paper", "stem": "small"}


def network_of(settings: dict[str, str | int], seed: int, in_channels: int = 1) -> HashNetwork:
    torch.manual_seed(seed)
    return build_network(settings, 16, in_channels, size_px=32).eval()


def saved(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)
    return path


@pytest.mark.parametrize(
    ("settings", "prefix", "left_aside"),
    [
        (RESIDUAL, "", "hash_layer.bias"),
        (RESIDUAL, "trunk.", "hash_layer.bias"),
        (RESIDUAL, "network.trunk.", "network.hash_layer.bias"),
        (RESIDUAL, "network.trunk.", "coder.mean"),
        ({"kind": "cnn-f"}, "", "fc8.bias"),
        ({"kind": "cnn-f"}, "trunk.", "trunk.fc8.bias"),
    ],
)
def test_a_trunk_comes_back_under_any_prefix_and_the_hash_layer_stays_random(
    tmp_path: Path, settings: dict[str, str | int], prefix: str, left_aside: str
) -> None:
    source, network = network_of(settings, 1), network_of(settings, 2)
    own_layer = network.hash_layer.weight.clone()
    tensors = {prefix + name: tensor for name, tensor in source.trunk.state_dict().items()}
    load_initial_weights(network, saved(tmp_path / "weights.safetensors", tensors | {left_aside: torch.zeros(3)}))
    x = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(network.trunk(x), source.trunk(x))
    assert torch.equal(network.hash_layer.weight, own_layer)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "densenet121"])
def test_torchvisions_own_names_fit_torchvisions_networks(tmp_path: Path, name: str) -> None:
    torch.manual_seed(3)
    published = getattr(models, name)(weights=None).eval()
    tensors = {key: tensor for key, tensor in published.state_dict().items() if not key.endswith("num_batches_tracked")}
    path = saved(tmp_path / f"{name}.safetensors", tensors)  # published files may lack those counters
    network = network_of({"kind": "torchvision", "name": name}, 4)
    load_initial_weights(network, path)
    ours = network.trunk.backbone.state_dict()
    assert all(torch.equal(ours[key], tensor) for key, tensor in tensors.items() if key in ours)
    assert {key.split(".")[0] for key in tensors.keys() - ours.keys()} <= {"fc", "classifier"}


def test_kernels_of_colour_see_grey_as_three_equal_channels(tmp_path: Path) -> None:
    colour, grey = network_of({"kind": "alexnet"}, 1, in_channels=3), network_of({"kind": "alexnet"}, 2)
    load_initial_weights(grey, saved(tmp_path / "colour.safetensors", colour.trunk.state_dict()))
    x = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(grey.trunk(x), colour.trunk(x.repeat(1, 3, 1, 1)), atol=1e-4, rtol=1e-4)


def _without_a_layer(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("blocks.3.conv2")}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_without_a_layer, r"has no blocks\.3\.conv2\.weight$"),
        (
            lambda tensors: tensors | {"fc.weight": torch.zeros(2), "odd": torch.zeros(1)},
            r"has unknown fc\.weight, odd$",
        ),
        (
            lambda tensors: {"layer1." + name: tensor for name, tensor in tensors.items()},
            r"has no blocks\.0\.bn1\.bias.* and \d+ more; has unknown layer1\.blocks\.0\.bn1\.bias, .* and \d+ more$",
        ),
        (
            lambda tensors: tensors | {"blocks.0.conv1.weight": torch.zeros(8, 8, 5, 5)},
            r"tensor blocks\.0\.conv1\.weight: expected \(8, 8, 3, 3\), found \(8, 8, 5, 5\)$",
        ),
        (lambda tensors: tensors | {"blocks.0.bn1.bias": torch.full((8,), torch.nan)}, r"blocks\.0\.bn1\.bias holds "),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_changed(tmp_path: Path, change, problem: str) -> None:
    network = network_of(RESIDUAL, 1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    path = saved(tmp_path / "weights.safetensors", change(network_of(RESIDUAL, 2).trunk.state_dict()))
    with pytest.raises(MedhashError) as caught:
        load_initial_weights(network, path)
    assert caught.match("initial-weights.md")
    assert re.search(problem, caught.value.problem)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_pickle_is_refused_unread_and_so_is_a_file_of_another_kind_and_none(tmp_path: Path) -> None:
    network = network_of(RESIDUAL, 1)
    pickled, text = io.BytesIO(), b"no weights"
    torch.save(network.trunk.state_dict(), pickled)
    for content, problem in (
        (pickled.getvalue(), "is a pickle"),
        (text, "is not a safetensors file"),
        (b"", "is not a safetensors file"),
    ):
        (tmp_path / "weights.pth").write_bytes(content)
        with pytest.raises(MedhashError, match=rf"weights\.pth {problem}"):
            load_initial_weights(network, tmp_path / "weights.pth")
    with pytest.raises(MedhashError, match="do not exist"):
        load_initial_weights(network, tmp_path / "absent.safetensors")
