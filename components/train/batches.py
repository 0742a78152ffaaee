"""Batches of an epoch: which images, in which order, brought to the device while the last batch is computed."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Batch:
    """One process's share of a batch."""

    chosen: np.ndarray
    """(N,): positions in the train fold of the whole batch, over all processes."""
    share: slice
    """The part of the batch that this process computes."""
    images: torch.Tensor
    """(n, channels, size, size), uint8, on the device: this process's share."""


def plan_epoch(n_images: int, batch_size: int, seed: int) -> np.ndarray:
    """A random order cut into batches, (batches, batch size) of positions; the remainder waits for another epoch.

    A set smaller than one batch makes one batch of all. The losses compare images within a batch, so a short
    last batch would be another objective: it is left out instead.
    """
    order = np.random.default_rng(seed).permutation(n_images)
    size = min(batch_size, n_images)
    return order[:n_images // size * size].reshape(-1, size)


def share_of(size: int, rank: int, world: int) -> slice:
    """The part of a batch that process `rank` of `world` computes; equal parts, in order of rank."""
    part = size // world
    return slice(rank * part, (rank + 1) * part)


class BatchFeeder:
    """Reads the next batch from the memory-mapped store in one background thread, and counts the time waited."""

    def __init__(self, pixels: np.ndarray, rows: np.ndarray, device: torch.device, rank: int, world: int) -> None:
        self._pixels, self._rows, self._device = pixels, rows, device
        self._rank, self._world = rank, world
        self.waited_s = 0.0

    def __call__(self, plan: np.ndarray) -> Iterator[Batch]:
        """The batches of an epoch's plan, (batches, batch size), in order."""
        share = share_of(plan.shape[1], self._rank, self._world)
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead: Future[torch.Tensor] = reader.submit(self._read, plan[0][share])
            for number, chosen in enumerate(plan):
                started = time.perf_counter()
                images = ahead.result()
                self.waited_s += time.perf_counter() - started
                if number + 1 < len(plan):
                    ahead = reader.submit(self._read, plan[number + 1][share])
                yield Batch(chosen, share, images.to(self._device, non_blocking=True))

    def _read(self, positions: np.ndarray) -> torch.Tensor:
        images = torch.from_numpy(self._pixels[self._rows[positions]])
        return images.pin_memory() if self._device.type == "cuda" else images
