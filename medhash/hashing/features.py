"""Feature kinds: what turns an image into a vector without training on the archive.

gist-512 and gist-1024 are GIST; lite0-64, lite0-128 and lite0-224 are EfficientNet-Lite0 with its ImageNet weights,
at that input size in px. Several kinds are joined by `+`, such as `gist-512+lite0-128`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from medhash.core.errors import MedhashError
from medhash.hashing.gist import gist_of_kind

if TYPE_CHECKING:
    from medhash.hashing.networks.efficientnet_lite import EfficientNetLite0

JOINED = "+"
_POOLED = ((40, 4), (112, 2), (112, 3), (1280, 1))
"""Channels of a map of EfficientNet-Lite0, and the side of the grid of cells that it is averaged over."""
BLOCKS: dict[str, tuple[int, ...]] = {
    "gist-512": (512,),
    "gist-1024": (1024,),
    **{f"lite0-{size_px}": tuple(channels * side**2 for channels, side in _POOLED) for size_px in (64, 128, 224)},
}
"""Kind → widths of its blocks, each of which a head reduces by itself. Of a backbone: means over cells of an early and
a middle map, where findings are still local, and of the last map."""


def kinds_of(joined: str) -> tuple[str, ...]:
    """The kinds of `gist-512+lite0-128`. Raises MedhashError naming an unknown one."""
    kinds = tuple(joined.split(JOINED))
    for kind in kinds:
        if kind not in BLOCKS:
            raise MedhashError(f"there are no features {kind!r}", f"choose of {', '.join(BLOCKS)}")
    return kinds


def blocks_of(joined: str) -> str:
    """The widths of the blocks of all kinds, as a network on features takes them: `512+640+448+1008+1280`."""
    return JOINED.join(str(width) for kind in kinds_of(joined) for width in BLOCKS[kind])


def width_of(joined: str) -> int:
    """Values of one image's vector."""
    return sum(sum(BLOCKS[kind]) for kind in kinds_of(joined))


def needs_backbone(joined: str) -> bool:
    return any(kind.startswith("lite0-") for kind in kinds_of(joined))


def features_of(joined: str, pixels: np.ndarray, network: "EfficientNetLite0 | None" = None) -> np.ndarray:
    """Vectors of images, float32 (N, width), of uint8 (N, 1 or 3, S, S); an image's does not depend on the others.

    network: of `lite0_network`, where a kind needs it. Raises MedhashError for another number of channels.
    """
    parts = []
    for kind in kinds_of(joined):
        if needs_backbone(kind):
            assert network is not None
            parts.append(_of_network(network, kind, pixels))
        else:
            parts.append(gist_of_kind(kind, pixels))
    return np.concatenate(parts, axis=1)


def lite0_network(tensors: Mapping[str, np.ndarray]) -> "EfficientNetLite0":
    """The network with these weights, in evaluation mode. tensors: as of backbones.read_backbone."""
    import torch

    from medhash.hashing.networks.efficientnet_lite import EfficientNetLite0

    with torch.random.fork_rng(devices=[]):  # building draws weights: leave the caller's stream alone
        network = EfficientNetLite0()
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in tensors.items()})
    return network.eval()


def _of_network(network: "EfficientNetLite0", kind: str, pixels: np.ndarray) -> np.ndarray:
    """One image at a time: the same bits whatever images come with it, and no slower on a CPU."""
    import torch
    import torch.nn.functional as F

    from medhash.hashing.networks.efficientnet_lite import DEVIATION, MEAN

    if pixels.shape[1] not in (1, 3):
        raise MedhashError(
            f"{kind} takes images of 1 or 3 channels, not {pixels.shape[1]}", "use gist-512, or ingest grey images"
        )
    size_px, vectors = int(kind.removeprefix("lite0-")), np.empty((len(pixels), width_of(kind)), np.float32)
    with torch.inference_mode():
        for row, image in enumerate(pixels):
            x = torch.from_numpy(np.ascontiguousarray(image)).float()[None]
            if x.shape[-1] != size_px:
                x = F.interpolate(x, size=(size_px, size_px), mode="bilinear", antialias=True, align_corners=False)
            early, middle, last = network((x.expand(-1, 3, -1, -1) - MEAN) / DEVIATION)
            cells = [
                F.adaptive_avg_pool2d(part, side).flatten()
                for part, (_, side) in zip((early, middle, middle, last), _POOLED, strict=True)
            ]
            vectors[row] = torch.cat(cells).numpy()
    return vectors
