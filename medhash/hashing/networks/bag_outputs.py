"""What a trained network gives for bags of images: codes, attention weights, memberships, fired rules."""

from collections.abc import Iterator

import numpy as np
import torch

from medhash.hashing.bags import whole_bags
from medhash.hashing.networks.network import HashNetwork
from medhash.hashing.networks.sub_codes import SubCodeLayer

N_INSTANCES = 256
"""Instances at a time; a larger bag is taken whole."""


@torch.inference_mode()
def codes_of_bags(
    network: HashNetwork, pixels: np.ndarray, starts: np.ndarray, alpha: float = 1.0, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Relaxed codes of bags, float32 (n, K), and of their instances, (m, K), of a network with a pooling.

    network: in evaluation mode; pixels: uint8, (m, C, S, S), packed; starts: int64, (n + 1,). rows: int64 (m,), where
    each instance is in `pixels`, if that is a store.
    """
    if rows is None:
        rows = np.arange(len(pixels))
    bags = np.zeros((len(starts) - 1, network.n_outputs), np.float32)
    instances = np.zeros((len(rows), network.n_outputs), np.float32)
    for chosen, part, x, local in _batches(network, pixels, starts, rows):
        of_bags, of_instances = network.bags(x, local, alpha)
        bags[chosen], instances[part] = of_bags.float().cpu().numpy(), of_instances.float().cpu().numpy()
    return bags, instances


@torch.inference_mode()
def attention_of_instances(network: HashNetwork, pixels: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The weight of each instance in its bag, float32 (m,), of a network with attention pooling."""
    assert network.attention is not None
    weights = np.zeros(len(pixels), np.float32)
    for _, part, x, local in _batches(network, pixels, starts, np.arange(len(pixels))):
        weights[part] = network.attention.weights(network.trunk(x), local)[:, 0].float().cpu().numpy()
    return weights


def _batches(
    network: HashNetwork, pixels: np.ndarray, starts: np.ndarray, rows: np.ndarray
) -> Iterator[tuple[slice, slice, torch.Tensor, torch.Tensor]]:
    """Which bags, which instances, the network's input, and the starts within it."""
    device = next(network.parameters()).device
    for chosen in whole_bags(starts, N_INSTANCES):
        cut = starts[chosen.start : chosen.stop + 1]
        part = slice(int(cut[0]), int(cut[-1]))
        x = torch.from_numpy(pixels[rows[part]]).to(device).float() / 255
        yield chosen, part, x, torch.from_numpy(cut - cut[0]).to(device)


_N_IMAGES = 256


@torch.inference_mode()
def memberships_and_firing(
    network: HashNetwork, pixels: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Memberships, float32 (n, V), and firing levels, (n, R) or None without rules, of n bags: means of their images'.

    network: in evaluation mode; pixels: uint8, (m, C, S, S), packed; starts: int64, (n + 1,).
    """
    layer = network.hash_layer
    assert isinstance(layer, SubCodeLayer)
    device = next(network.parameters()).device
    memberships, firing = [], []
    for start in range(0, len(pixels), _N_IMAGES):
        x = torch.from_numpy(np.ascontiguousarray(pixels[start : start + _N_IMAGES])).to(device).float() / 255
        features = network.trunk(x)
        h = network.from_features(features)
        memberships.append(layer.calibrated_memberships(features, h).float().cpu().numpy())
        levels = layer.firing_levels(features)
        if levels is not None:
            firing.append(levels.float().cpu().numpy())
    return (
        _bag_means(np.concatenate(memberships), starts),
        _bag_means(np.concatenate(firing), starts) if firing else None,
    )


def _bag_means(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    means: np.ndarray = np.add.reduceat(values, starts[:-1], axis=0) / np.diff(starts)[:, None]
    return means.astype(np.float32)
