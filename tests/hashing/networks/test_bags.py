"""A network over bags: its two arms share a layer and a norm, a bag of one is an image, padding is nothing."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from medhash.core.errors import MedhashError
from medhash.hashing.networks.bag_outputs import codes_of_bags
from medhash.hashing.networks.build import build_network

NETWORK = {"kind": "residual", "depth": 18, "width": "paper", "stem": "small", "code_norm": "batch"}
POOLINGS = ("max", "mean", "noisy-or", "attention")
SIZES = torch.tensor([3, 1, 5, 2, 7])
STARTS = torch.cat([torch.zeros(1, dtype=torch.int64), SIZES.cumsum(0)])
X = torch.rand(18, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def network_of(pooling: str, **settings: str) -> torch.nn.Module:
    torch.manual_seed(0)
    network = build_network(NETWORK | {"pooling": pooling} | settings, 16)
    if pooling != "none":
        for _ in range(10):
            network.bags(X, STARTS)
    return network.eval()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_bag_of_one_has_the_code_of_the_network_without_pooling_bit_for_bit(pooling: str) -> None:
    pooled, single = network_of(pooling), network_of("none")
    single.load_state_dict(
        {name: tensor for name, tensor in pooled.state_dict().items() if not name.startswith("attention.")}
    )
    expected = single.eval()(X)
    of_bags, of_instances = pooled.bags(X, torch.arange(19))
    assert torch.equal(of_bags, expected)
    assert torch.equal(of_instances, expected)
    assert torch.equal(pooled(X), expected)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_norm_of_the_code_is_that_of_the_bags_in_both_arms(pooling: str) -> None:
    network = network_of(pooling, activation="none").train()
    network.code_norm.reset_running_stats()
    of_bags, of_instances = network.bags(X, STARTS)
    torch.testing.assert_close(of_bags.mean(dim=0), torch.zeros(16), atol=1e-5, rtol=0)
    with torch.no_grad():
        single = network.hash_layer(network.trunk(X))
        kept = (network.code_norm.running_mean / 0.1, (network.code_norm.running_var - 0.9) / 0.1)
    variance, mean = kept[1] * 4 / 5, kept[0]  # BatchNorm keeps the variance with n - 1 in the divisor
    torch.testing.assert_close(of_instances, (single - mean) / torch.sqrt(variance + 1e-5), atol=2e-3, rtol=1e-3)


def test_noisy_or_of_the_codes_is_one_minus_the_product_where_nothing_norms_them() -> None:
    network = network_of("noisy-or", code_norm="none")
    of_bags, of_instances = network.bags(X, STARTS)
    probability = (1 + of_instances) / 2
    product = torch.stack([1 - (1 - probability[start:stop]).prod(dim=0) for start, stop in pairwise(STARTS.tolist())])
    torch.testing.assert_close(of_bags, 2 * product - 1, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pooling", ["max", "mean", "attention"])
def test_padding_with_any_images_and_masking_them_gives_the_same_codes(pooling: str) -> None:
    network, largest = network_of(pooling), int(SIZES.max())
    mask = torch.arange(largest)[None, :] < SIZES[:, None]
    padded = torch.rand(len(SIZES), largest, 1, 16, 16, generator=torch.Generator().manual_seed(9))
    padded[mask] = X
    with torch.no_grad():
        g = network.trunk(padded.flatten(0, 1)).view(len(SIZES), largest, -1)
        column = mask[:, :, None]
        if pooling == "max":
            pooled = g.masked_fill(~column, -torch.inf).amax(dim=1)
        elif pooling == "mean":
            pooled = (g * column).sum(dim=1) / SIZES[:, None]
        else:
            gate = network.attention
            hidden = torch.tanh(gate.tanh_layer(g)) * torch.sigmoid(gate.gate_layer(g))
            pooled = (gate.score_layer(hidden).masked_fill(~column, -torch.inf).softmax(dim=1) * g).sum(dim=1)
        expected = torch.tanh(network.code_norm(network.hash_layer(pooled)))
        of_bags, _ = network.bags(X, STARTS)
    torch.testing.assert_close(of_bags, expected, atol=1e-5, rtol=0)
    assert torch.equal(of_bags >= 0, expected >= 0)


def test_only_attention_has_parameters_of_its_own() -> None:
    names = {pooling: set(network_of(pooling).state_dict()) for pooling in ("none", *POOLINGS)}
    assert names["none"] == names["max"] == names["mean"] == names["noisy-or"]
    assert {name.split(".")[0] for name in names["attention"] - names["none"]} == {"attention"}


def test_bags_are_encoded_some_at_a_time_from_a_store_as_they_are_together() -> None:
    network = network_of("max")
    random = np.random.default_rng(0)
    store = random.integers(0, 256, (700, 1, 16, 16), dtype=np.uint8)
    rows = random.permutation(700)[:600]
    starts = np.concatenate([[0], np.cumsum(random.integers(1, 65, 400))])
    starts = np.append(starts[starts < 600], 600)
    of_bags, of_instances = codes_of_bags(network, store, starts, rows=rows)
    with torch.no_grad():
        x = torch.from_numpy(store[rows]).float() / 255
        together = network.bags(x, torch.from_numpy(starts))
    np.testing.assert_allclose(of_bags, together[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(of_instances, together[1].numpy(), atol=1e-5)


def test_an_embedding_cannot_pool() -> None:
    with pytest.raises(MedhashError, match="an embedding has no code to pool bags for"):
        build_network(NETWORK | {"pooling": "max", "head": "embedding"}, 16)
    with pytest.raises(MedhashError, match="network setting pooling"):
        build_network(NETWORK | {"pooling": "median"}, 16)
