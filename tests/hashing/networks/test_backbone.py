"""Networks of torchvision: the same features as torchvision's own, of grey images as of colour."""

import subprocess
import sys

import pytest
import torch
from torchvision import models
from torchvision.transforms.functional import normalize

from medhash.core.errors import MedhashError
from medhash.hashing.networks.build import build_network

RESNET = {"kind": "torchvision", "name": "resnet18", "head": "embedding"}


def test_features_are_the_input_of_the_published_networks_last_layer() -> None:
    torch.manual_seed(0)
    network = build_network(RESNET, 16, in_channels=1, size_px=64).eval()
    published = models.resnet18(weights=None).eval()
    published.load_state_dict(network.trunk.backbone.state_dict(), strict=False)
    seen = []
    published.fc.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    x = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        features = network(x)
        published(normalize(torch.cat([x, x, x], dim=1), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(features, seen[0])
    assert features.shape == (2, 512) == (2, network.n_outputs)


def test_colour_images_go_through_as_they_are() -> None:
    torch.manual_seed(0)
    network = build_network(RESNET, 16, in_channels=3, size_px=32).eval()
    grey = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(grey.repeat(1, 3, 1, 1)), network(grey))
        assert not torch.equal(network(torch.rand(2, 3, 32, 32)), network(grey))


@pytest.mark.parametrize(
    ("name", "size_px", "n_features", "published"),
    [
        ("alexnet", 64, 4096, 61_100_840),
        ("resnet34", 224, 512, 21_797_672),
        ("densenet121", 64, 1024, 7_978_856),
        ("mobilenet_v3_small", 64, 1024, 2_542_856),
        ("vit_b_16", 224, 768, 86_567_656),
        ("googlenet", 64, 1024, 6_624_904),
        ("swin_t", 64, 768, 28_288_354),
        ("maxvit_t", 224, 512, None),
        ("inception_v3", 96, 2048, None),
    ],
)
def test_only_the_classifier_is_missing(name: str, size_px: int, n_features: int, published: int | None) -> None:
    with torch.device("meta"):
        network = build_network({"kind": "torchvision", "name": name}, 1000, size_px=size_px)
    assert network.trunk.n_features == n_features
    if published is not None:  # of Inception a helper classifier is missing too, MaxViT's has no bias
        assert sum(parameter.numel() for parameter in network.parameters()) == published


@pytest.mark.parametrize(
    ("network", "channels", "size_px", "named"),
    [
        ({"name": "resnet81"}, 1, 64, r"no classification network 'resnet81'(.|\n)*resnet18"),
        ({"name": "fcn_resnet50"}, 1, 64, "no classification network"),
        ({"name": "squeezenet1_1"}, 1, 64, "no linear layer"),
        ({"name": "resnet18"}, 2, 64, "1 or 3 channels, not 2"),
        ({"name": "alexnet"}, 1, 32, "does not take images of 32 px"),
        ({"name": "vit_b_16"}, 1, 40, "does not take images of 40 px"),
        ({"name": "resnet18", "stem": "small"}, 1, 64, "stem"),
        ({}, 1, 64, "name"),
    ],
)
def test_what_cannot_be_built_is_named(network: dict, channels: int, size_px: int, named: str) -> None:
    with pytest.raises(MedhashError, match=named), torch.device("meta"):
        build_network({"kind": "torchvision"} | network, 16, channels, size_px)


def test_training_leaves_no_trace_of_the_blank_image_that_tried_the_size() -> None:
    network = build_network(RESNET, 16, size_px=32)
    assert network.training
    assert all(module.training for module in network.modules())
    assert int(network.trunk.backbone.bn1.num_batches_tracked) == 0


def test_the_catalogue_and_the_other_networks_do_without_torchvision() -> None:
    script = (
        "import sys; import medhash.hashing.catalogue\n"
        "assert 'torch' not in sys.modules\n"
        "from medhash.hashing.networks.build import build_network\n"
        "build_network({'kind': 'residual'}, 16)\n"
        "assert 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
