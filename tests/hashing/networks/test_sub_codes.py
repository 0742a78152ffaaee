"""Networks of structured codes: what each head sees, what is shared, and what fuzzy rules add up to."""

import numpy as np
import pytest
import torch

from medhash.core.documents import Attribute
from medhash.core.errors import MedhashError
from medhash.hashing.layout import Layout, make_layout
from medhash.hashing.networks.bag_outputs import memberships_and_firing
from medhash.hashing.networks.build import build_network
from medhash.hashing.networks.network import HashNetwork

NETWORK = {"kind": "residual", "depth": 18, "width": "paper", "stem": "small"}
ATTRIBUTES = [
    Attribute(name="organ", values=["brain", "breast", "chest"], of_label=[0, 1, 2, 2]),
    Attribute(name="pathology", values=["glioma", "cyst"], of_label=[0, 1, None, 1]),
]


def layout(rules: tuple[int, ...] = ()) -> Layout:
    return make_layout("a method", 16, {"organ": 10, "pathology": 6}, ATTRIBUTES, (), rules)


def network(**settings: str) -> HashNetwork:
    torch.manual_seed(0)
    fuzzy = settings.get("inference") == "fuzzy"
    made = build_network(
        NETWORK | {"encoders": "shared"} | settings, 16, size_px=32, layout=layout((0, 1, 2, 3) if fuzzy else ())
    )
    if fuzzy:
        for conclusion in made.hash_layer.inference.conclusions:  # they begin at zero
            torch.nn.init.normal_(conclusion)
    return made


PICTURES = torch.rand(5, 1, 32, 32, generator=torch.Generator().manual_seed(1))
KINDS = [
    {},
    {"encoders": "independent"},
    {"inference": "fuzzy"},
    {"encoders": "independent", "inference": "fuzzy"},
    {"code_norm": "batch"},
]


@pytest.mark.parametrize("settings", KINDS)
def test_the_code_is_the_sub_codes_side_by_side_and_memberships_sum_to_one_by_attribute(settings):
    made = network(**settings).eval()
    h, log_memberships = made.scored(PICTURES)
    assert h.shape == (5, 16)
    torch.testing.assert_close(h, made(PICTURES))
    memberships = log_memberships.exp()
    torch.testing.assert_close(memberships[:, :3].sum(dim=1), torch.ones(5))
    torch.testing.assert_close(memberships[:, 3:].sum(dim=1), torch.ones(5))


def reached(made: HashNetwork, part: slice) -> set[str]:
    """The parameters that the bits of a sub-code depend on."""
    made.zero_grad()
    made.train()
    made(PICTURES)[:, part].pow(2).sum().backward()
    return {name for name, weight in made.named_parameters() if weight.grad is not None and weight.grad.abs().sum() > 0}


def test_independent_encoders_share_nothing():
    made = network(encoders="independent")
    organ, pathology = reached(made, slice(0, 10)), reached(made, slice(10, 16))
    assert organ
    assert pathology
    assert not organ & pathology


def test_a_shared_encoder_has_its_trunk_in_common_and_nothing_else():
    made = network()
    common = reached(made, slice(0, 10)) & reached(made, slice(10, 16))
    assert common
    assert all(name.startswith("trunk.") for name in common)


def test_rules_fire_by_the_product_of_their_memberships_brought_to_sum_one():
    made = network(inference="fuzzy").eval()
    layer = made.hash_layer
    features = made.trunk(PICTURES)
    memberships = torch.cat(layer.inference.log_memberships([features, features]), dim=1).exp()
    strength = torch.stack(
        [
            memberships[:, 0] * memberships[:, 3],
            memberships[:, 1] * memberships[:, 4],
            memberships[:, 2],
            memberships[:, 2] * memberships[:, 4],
        ],
        dim=1,
    )
    torch.testing.assert_close(layer.firing_levels(features), strength / strength.sum(dim=1, keepdim=True))


def test_memberships_are_gaussian_around_their_centres():
    made = network(inference="fuzzy").eval()
    inference = made.hash_layer.inference
    features = made.trunk(PICTURES)
    inputs = inference.project[1](features)
    width = torch.nn.functional.softplus(inference.raw_widths[1]) + 1e-2
    gaussian = torch.stack(
        [
            torch.exp(-0.5 * (((inputs - center) / spread) ** 2).sum(dim=1))
            for center, spread in zip(inference.centers[1], width, strict=True)
        ],
        dim=1,
    )
    torch.testing.assert_close(
        inference.log_memberships([features, features])[1].exp(), gaussian / gaussian.sum(dim=1, keepdim=True)
    )


def test_what_rules_conclude_is_added_to_the_features_so_that_no_conclusion_is_no_fuzzy_layer():
    made = network(inference="fuzzy").eval()
    features = [torch.rand(5, 32), torch.rand(5, 32)]
    levels = made.hash_layer.inference.firing_levels(made.hash_layer.inference.log_memberships(features))
    concluded = made.hash_layer.inference(features)
    torch.testing.assert_close(concluded[0] - features[0], levels @ made.hash_layer.inference.conclusions[0])
    for conclusion in made.hash_layer.inference.conclusions:
        torch.nn.init.zeros_(conclusion)
    torch.testing.assert_close(torch.cat(made.hash_layer.inference(features)), torch.cat(features))


def test_a_temperature_flattens_what_is_told_and_changes_neither_code_nor_rules():
    made = network(inference="fuzzy").eval()
    features = made.trunk(PICTURES)
    code, levels = made(PICTURES), made.hash_layer.firing_levels(features)
    sharp = made.hash_layer.calibrated_memberships(features, code)
    torch.testing.assert_close(sharp, made.hash_layer.log_memberships(features, code).exp())
    made.hash_layer.temperatures[:] = torch.tensor([4.0, 1.0])
    flat = made.hash_layer.calibrated_memberships(features, code)
    assert (flat[:, :3].max(dim=1).values < sharp[:, :3].max(dim=1).values).all()
    torch.testing.assert_close(flat[:, :3], (sharp[:, :3] ** 0.25) / (sharp[:, :3] ** 0.25).sum(dim=1, keepdim=True))
    torch.testing.assert_close(flat[:, 3:], sharp[:, 3:])
    torch.testing.assert_close(made(PICTURES), code)
    torch.testing.assert_close(made.hash_layer.firing_levels(features), levels)


def test_what_a_bag_is_a_member_of_is_the_mean_of_its_images():
    made = network(inference="fuzzy").eval()
    pixels = (PICTURES.numpy() * 255).astype(np.uint8)
    single, firing = memberships_and_firing(made, pixels, np.arange(6))
    bags, fired = memberships_and_firing(made, pixels, np.array([0, 2, 5]))
    np.testing.assert_allclose(bags, [single[:2].mean(axis=0), single[2:].mean(axis=0)], rtol=1e-5)
    np.testing.assert_allclose(fired.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(fired[0], firing[:2].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"encoders": "shared"}, None),
        ({}, layout()),
        ({"encoders": "shared", "pooling": "max"}, layout()),
        ({"encoders": "shared", "head": "embedding"}, layout()),
    ],
)
def test_sub_codes_and_what_asks_for_them_go_together(settings, given):
    with pytest.raises(MedhashError, match="network setting encoders"):
        build_network(NETWORK | settings, 16, layout=given)
