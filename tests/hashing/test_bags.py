"""Codes of bags: every family, ragged bags, permutations, bags of one, and votes counted by hand."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from medhash.core.documents import ModelSpec, SubCode
from medhash.core.errors import MedhashError
from medhash.hashing.bags import bags_of_one, check_starts, content_order, members_of, starts_of, vote, whole_bags
from medhash.hashing.codes import binarise
from medhash.hashing.gist import gist
from medhash.hashing.model import HashModel, load_model, save_model
from medhash.hashing.networks.build import build_network
from medhash.hashing.shallow.itq import fit_itq

BITS, SIZE = 16, 16
NETWORK = {"kind": "residual", "depth": 18, "width": "paper", "stem": "small", "code_norm": "batch"}
POOLINGS = ("max", "mean", "noisy-or", "attention")
FAMILIES = ("shallow", "deep", "two-step", *POOLINGS)
SIZES = np.array([3, 1, 8, 2, 64, 1, 5])
STARTS = starts_of(SIZES)
PIXELS = np.random.default_rng(0).integers(0, 256, (int(SIZES.sum()), 1, SIZE, SIZE), dtype=np.uint8)


def warmed(settings: dict[str, str | int]) -> torch.nn.Module:
    """A network whose running statistics have moved, so that codes are not all alike."""
    torch.manual_seed(0)
    network = build_network(settings, BITS, size_px=SIZE)
    x = torch.from_numpy(PIXELS).float() / 255
    for _ in range(20):
        if network.pooling == "none":
            network(x)
        else:
            network.bags(x, torch.from_numpy(STARTS))
    return network.eval()


def model_of(family: str, folder: Path) -> HashModel:
    settings = {"deep": NETWORK, "two-step": NETWORK | {"head": "embedding"}, "shallow": {}}.get(
        family, NETWORK | {"pooling": family}
    )
    kind = family if family in ("shallow", "two-step") else "deep"
    spec = ModelSpec(
        method=family,
        family=kind,
        bits=BITS,
        input="gist-512" if kind == "shallow" else "pixels",
        coder="" if kind == "deep" else "linear",
        size_px=SIZE,
        network=settings,
        sub_codes=[SubCode(name="code", start=0, stop=BITS)],
        labels=["Effusion"],
        settings={},
        data_digest="0" * 64,
        weights_sha256="",
    )
    if kind == "shallow":
        tensors = fit_itq(gist(PIXELS), np.zeros((len(PIXELS), 1)), BITS, 0)
    else:
        network = warmed(settings)
        tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        if kind == "two-step":
            with torch.no_grad():
                embedded = network(torch.from_numpy(PIXELS).float() / 255).numpy()
            fitted = fit_itq(embedded, np.zeros((len(PIXELS), 1)), BITS, 0)
            tensors = {f"network.{name}": array for name, array in tensors.items()} | {
                f"coder.{name}": array for name, array in fitted.items()
            }
    save_model(folder, spec, tensors)
    return load_model(folder)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, HashModel]:
    return {family: model_of(family, tmp_path_factory.mktemp("model")) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_permuting_the_instances_of_bags_changes_no_bit_of_a_bag_and_moves_instances_with_them(
    models, family: str
) -> None:
    model, random = models[family], np.random.default_rng(1)
    coded, relaxed = model.codes(PIXELS, STARTS), model.relaxed_bags(PIXELS, STARTS)
    assert (coded.bags.shape, coded.instances.shape) == ((7, 2), (len(PIXELS), 2))
    assert len(np.unique(coded.bags, axis=0)) > 3
    for _ in range(3):
        order = np.concatenate([random.permutation(np.arange(start, stop)) for start, stop in pairwise(STARTS)])
        again = model.codes(PIXELS[order], STARTS)
        assert np.array_equal(again.bags, coded.bags)
        assert np.array_equal(again.instances, coded.instances[order])
        assert np.array_equal(model.relaxed_bags(PIXELS[order], STARTS), relaxed)


@pytest.mark.parametrize("family", FAMILIES)
def test_bags_of_one_have_the_codes_of_their_images(models, family: str) -> None:
    model, ones = models[family], bags_of_one(len(PIXELS))
    coded = model.codes(PIXELS, ones)
    assert np.array_equal(coded.bags, coded.instances)
    assert np.array_equal(model.relaxed_bags(PIXELS, ones), model.relaxed_pixels(PIXELS))


@pytest.mark.parametrize("family", FAMILIES)
def test_bags_together_have_the_codes_they_have_alone(models, family: str) -> None:
    model, coded = models[family], models[family].codes(PIXELS, STARTS)
    for bag, (start, stop) in enumerate(pairwise(STARTS)):
        alone = model.codes(PIXELS[start:stop], np.array([0, stop - start]))
        assert np.array_equal(alone.bags[0], coded.bags[bag])
        assert np.array_equal(alone.instances, coded.instances[start:stop])


def test_a_shallow_model_takes_features_as_well(models) -> None:
    coded = models["shallow"].codes(PIXELS, STARTS)
    from_features = models["shallow"].codes(gist(PIXELS), STARTS)
    assert np.array_equal(from_features.bags, coded.bags)
    assert np.array_equal(from_features.instances, coded.instances)


def test_votes_are_counted_and_even_ones_go_to_the_sum() -> None:
    relaxed = np.array(
        [
            [0.9, -0.1, 0.2, -0.3],
            [-0.1, -0.2, -0.2, 0.2],
            [-0.3, 0.9, 0.0, 0.2],
            [0.4, -0.4, 0.1, 0.0],  # a bag of one
            [0.5, -0.5, 0.25, -0.1],
            [-0.4, 0.6, -0.25, -0.2],
        ],
        np.float32,
    )
    value = vote(relaxed, np.array([0, 3, 4, 6]))
    by_hand = [[-0.2, -0.15, 0.1, 0.2], [0.4, -0.4, 0.1, 0.0], [0.05, 0.05, 0.0, -0.15]]
    np.testing.assert_allclose(value, by_hand, atol=1e-7)
    assert np.array_equal(value[1], relaxed[3])
    assert binarise(np.repeat(value, 2, axis=1)).tolist() == [[0b00001111], [0b11001111], [0b11111100]]


def test_votes_agree_with_a_plain_count_over_random_bags() -> None:
    relaxed = np.random.default_rng(2).normal(size=(len(PIXELS), BITS)).astype(np.float32)
    bits = vote(relaxed, STARTS) >= 0
    for bag, (start, stop) in enumerate(pairwise(STARTS)):
        for bit in range(BITS):
            own = [float(value) for value in relaxed[start:stop, bit]]
            balance = sum(1 if value >= 0 else -1 for value in own)
            assert bits[bag, bit] == (balance > 0 if balance else sum(own) >= 0)


def test_content_order_sorts_within_bags_and_knows_no_position() -> None:
    order = content_order(PIXELS, STARTS)
    assert sorted(order.tolist()) == list(range(len(PIXELS)))
    assert all(STARTS[bag] <= row < STARTS[bag + 1] for bag in range(7) for row in order[STARTS[bag] : STARTS[bag + 1]])
    backwards = np.concatenate([np.arange(stop - 1, start - 1, -1) for start, stop in pairwise(STARTS)])
    assert np.array_equal(backwards[content_order(PIXELS[backwards], STARTS)], order)


def test_members_and_whole_bags_are_those_of_plain_loops() -> None:
    chosen = np.array([4, 0, 5, 0])
    by_hand = [row for bag in chosen for row in range(STARTS[bag], STARTS[bag + 1])]
    assert members_of(STARTS, chosen).tolist() == by_hand
    assert [list(range(part.start, part.stop)) for part in whole_bags(STARTS, 12)] == [[0, 1, 2], [3], [4], [5, 6]]
    assert list(whole_bags(bags_of_one(5), 2)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(whole_bags(np.array([0]), 8)) == []


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        ([0, 3, 3, 5], "bag 1 holds no image"),
        ([0, 4, 2, 5], "bag 1 holds no image"),
        ([1, 5], "do not cut 5"),
        ([0, 4], "do not cut 5"),
        ([], "do not cut 5"),
        ([[0, 5]], "do not cut 5"),
    ],
)
def test_starts_that_do_not_cut_the_images_into_bags_are_refused(starts: list[int], message: str) -> None:
    with pytest.raises(MedhashError, match=message):
        check_starts(np.array(starts), 5)


def test_no_bag_at_all_has_no_codes(models) -> None:
    for model in models.values():
        coded = model.codes(PIXELS[:0], np.array([0]))
        assert (coded.bags.shape, coded.instances.shape) == ((0, 2), (0, 2))


@pytest.mark.parametrize("family", ["deep", "max"])
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((2, 512), np.float32), "encodes pixels"),
        (np.zeros((2, 1, 32, 32), np.uint8), "16 px, not 32 px"),
        (np.zeros((2, 3, 16, 16), np.uint8), "1 channels, not 3"),
    ],
)
def test_what_the_model_cannot_take_is_refused(models, family: str, inputs: np.ndarray, message: str) -> None:
    with pytest.raises(MedhashError, match=message):
        models[family].codes(inputs, np.array([0, 2]))


def test_attention_sums_to_one_in_every_bag_follows_its_instances_and_is_one_alone(models) -> None:
    model = models["attention"]
    weights = model.attention(PIXELS, STARTS)
    np.testing.assert_allclose(np.add.reduceat(weights, STARTS[:-1]), 1, rtol=1e-6)
    assert weights[STARTS[1]] == weights[STARTS[5]] == 1.0
    assert (weights > 0).all()
    order = np.concatenate([np.arange(3)[::-1], np.arange(3, len(PIXELS))])
    assert np.array_equal(model.attention(PIXELS[order], STARTS), weights[order])
    assert all(models[family].attention(PIXELS, STARTS) is None for family in FAMILIES if family != "attention")
