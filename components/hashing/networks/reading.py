"""What a structured network says of images beside their code: memberships, and which rules fired."""

import numpy as np
import torch

from components.hashing.networks.network import HashNetwork
from components.hashing.networks.sub_codes import SubCodeLayer

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
        memberships.append(layer.told_memberships(features, h).float().cpu().numpy())
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
