"""Features of a whole pixel store, a block of images per process; images that were there before are not done again."""

import hashlib
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from tqdm import tqdm

from medhash.core.documents import FeaturesInfo
from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file, sha256_file
from medhash.core.workspace import Workspace
from medhash.hashing.backbones import backbone_file, read_backbone
from medhash.hashing.features import features_of, kinds_of, lite0_network, needs_backbone, width_of

_BLOCK = 64
_DIGEST_BYTES = 32


class JoinedRows:
    """Arrays side by side, mapped and not read: rows of it are arrays (n, Σ widths)."""

    def __init__(self, parts: list[np.ndarray]) -> None:
        self._parts = parts
        self.shape = (len(parts[0]), sum(part.shape[1] for part in parts))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        joined: np.ndarray = np.concatenate([part[rows] for part in self._parts], axis=1)
        return joined


def compute_features(workspace: Workspace, kind: str, workers: int) -> int:
    """Write features of that kind, float32 (images, width), a row per row of the pixel store; return how many are new.

    Beside them, KIND.json names the weights that made them. workers: processes; the result does not depend on it.
    Vectors of images whose pixels were in the last store are taken from the cache of this machine.
    Raises MedhashError if there is no pixel store or it is empty, or a backbone's weights are missing.
    """
    pixels = workspace.pixels
    if not pixels.exists():
        raise MedhashError(
            f"{pixels} does not exist: there are no pixels to compute features of",
            "run ingest with the archive's images (ingest.metadata_only: false)",
        )
    store = np.load(pixels, mmap_mode="r")
    if len(store) == 0:
        raise MedhashError(f"{pixels} holds no image", "run ingest with the archive's images")
    weights = backbone_file(workspace.backbones) if needs_backbone(kind) else None
    info = FeaturesInfo(kind=kind, weights_sha256=sha256_file(weights) if weights else None)
    digests = np.stack([np.frombuffer(hashlib.sha256(image.tobytes()).digest(), np.uint8) for image in store])
    cache = workspace.features_cache(f"{kind}-{(info.weights_sha256 or 'none')[:16]}")
    target = workspace.features(kind)
    with replacing_file(target) as temporary:
        features = np.lib.format.open_memmap(temporary, "w+", np.float32, (len(store), width_of(kind)))
        missing = _take_known(cache, digests, features)
        starts = range(0, len(missing), _BLOCK)
        blocks = [missing[start : start + _BLOCK] for start in starts]
        with tqdm(total=len(missing), desc=f"features {kind}", unit="image", disable=None) as progress:
            for rows, block in zip(blocks, _computed(pixels, blocks, kind, weights, workers), strict=True):
                features[rows] = block
                progress.update(len(block))
        features.flush()
    info.write(workspace.features_info(kind))
    _keep(cache, digests, target)
    return len(missing)


def require_weights(workspace: Workspace, joined: str, weights_sha256: str) -> None:
    """Raises MedhashError if a kind of these features was made with other weights than those of that digest."""
    for kind in filter(needs_backbone, kinds_of(joined)):
        found = FeaturesInfo.read(workspace.features_info(kind)).weights_sha256
        if found != weights_sha256:
            raise MedhashError(
                f"the features {kind} were made with weights {str(found)[:16]}…, the head's are {weights_sha256[:16]}…",
                "run the features stage, then train the head again, or `dvc repro`",
            )


def _take_known(cache: Path, digests: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Fill in the vectors that the cache has; the rows that are still to be computed, int64, ascending.

    A cache that is not whole is as good as none: it is written after the features, and only saves time.
    """
    try:
        known, vectors = np.load(cache.with_suffix(".digests.npy")), np.load(cache.with_suffix(".npy"), mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return np.arange(len(digests))
    if known.shape != (len(vectors), _DIGEST_BYTES) or vectors.shape[1:] != features.shape[1:]:
        return np.arange(len(digests))
    place = {digest.tobytes(): row for row, digest in enumerate(known)}
    found = np.array([place.get(digest.tobytes(), -1) for digest in digests])
    features[found >= 0] = vectors[found[found >= 0]]
    missing: np.ndarray = np.flatnonzero(found < 0)
    return missing


def _keep(cache: Path, digests: np.ndarray, features: Path) -> None:
    """Vectors of today's images only: what was withdrawn leaves the cache with the next run."""
    with replacing_file(cache.with_suffix(".digests.npy")) as temporary, temporary.open("wb") as handle:
        np.save(handle, digests)
    with replacing_file(cache.with_suffix(".npy")) as temporary:
        temporary.write_bytes(features.read_bytes())


def _computed(
    pixels: Path, blocks: list[np.ndarray], kind: str, weights: Path | None, workers: int
) -> Iterator[np.ndarray]:
    if workers == 1 or len(blocks) <= 1:
        yield from map(_block, repeat(pixels), blocks, repeat(kind), repeat(weights))
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of threads that do not exist there
    with ProcessPoolExecutor(min(workers, len(blocks)), context) as pool:
        yield from pool.map(_block, repeat(pixels), blocks, repeat(kind), repeat(weights))


def _block(pixels: Path, rows: np.ndarray, kind: str, weights: Path | None) -> np.ndarray:
    if weights is not None:
        import torch

        torch.set_num_threads(1)  # a process per core: threads of its own would only wait for each other
    network = lite0_network(read_backbone(weights)) if weights is not None else None
    return features_of(kind, np.asarray(np.load(pixels, mmap_mode="r")[rows]), network)


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
