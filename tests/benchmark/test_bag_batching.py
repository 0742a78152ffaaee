"""The two sides of the benchmark of bag batches compute the same: bags packed, and bags padded with a mask."""

import runpy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from checkout import REPOSITORY

from medhash.hashing.networks.build import build_network

BENCHMARK = SimpleNamespace(**runpy.run_path(str(REPOSITORY / "benchmarks" / "bag_batching.py")))


@pytest.mark.parametrize("pooling", ["max", "mean", "attention"])
def test_codes_and_gradients_are_those_of_padded_bags_with_a_mask(pooling):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (2048, 1, 16, 16), dtype=np.uint8)
    ((sizes, rows, _),) = BENCHMARK.batches_of(BENCHMARK.TISSUE, 1, 4)
    assert len(set(sizes.tolist())) > 1
    found = []
    for side in ("packed", "padded"):
        torch.manual_seed(0)
        network = build_network({"pooling": pooling, "code_norm": "batch"}, 16, 1, 16)
        network.trunk.eval()
        if side == "packed":
            starts = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)]))
            codes = network.bags(torch.from_numpy(pixels[rows]).float() / 255, starts)
        else:
            codes = BENCHMARK.padded_codes(network, pixels, sizes, rows, "cpu")
        (codes[0].square().sum() + codes[1].abs().sum()).backward()
        gradient = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
        found.append([*(part.detach() for part in codes), gradient / gradient.abs().max()])
    for one, other in zip(*found, strict=True):
        assert float((one - other).abs().max()) < 1e-4


def test_bag_sizes_are_drawn_as_often_as_they_occur_and_no_image_is_twice_in_a_batch():
    counts = BENCHMARK.BREASTS
    drawn = BENCHMARK.batches_of(counts, 300, 32)
    sizes = np.concatenate([sizes for sizes, _, _ in drawn])
    assert sizes.mean() == pytest.approx(sum(size * count for size, count in counts.items()) / 1708, rel=0.02)
    assert sum(size * count for size, count in counts.items()) == 1546 + 326 + 1318 + 378
    assert all(len(set(rows.tolist())) == len(rows) == sizes.sum() for sizes, rows, _ in drawn)
