"""Batches of an epoch: their images and order; the next batch is read while the last one is computed."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from medhash.retrieval.features import JoinedRows
from medhash.training.data import Fold


@dataclass(frozen=True)
class Batch:
    """One process's share of a batch."""

    chosen: np.ndarray
    """(N,): positions in the train fold of the whole batch, over all processes."""
    share: slice
    """The part of the batch that this process computes."""
    images: torch.Tensor
    """(m, channels, size, size), uint8, on the device: the packed instances of this process's share."""
    starts: torch.Tensor
    """(n + 1,), int64, on the device: where each bag of this process's share starts in `images`."""


def plan_epoch(n_images: int, batch_size: int, seed: int) -> np.ndarray:
    """A random order cut into batches, (batches, batch size) of positions; the remainder waits for another epoch.

    A set smaller than one batch makes one batch of all. The losses compare images within a batch, so a short
    last batch would be another objective: it is left out instead.
    """
    order = np.random.default_rng(seed).permutation(n_images)
    size = min(batch_size, n_images)
    return order[: n_images // size * size].reshape(-1, size)


def share_of(size: int, rank: int, world: int) -> slice:
    """The part of a batch that process `rank` of `world` computes; equal parts, in order of rank."""
    part = size // world
    return slice(rank * part, (rank + 1) * part)


class BatchFeeder:
    """Reads the next batch from the memory-mapped store in one background thread; counts images and time waited.

    A batch is a number of bags, whose instances are read packed one after the other.
    """

    def __init__(
        self, inputs: "np.ndarray | JoinedRows", fold: Fold, device: torch.device, rank: int, world: int
    ) -> None:
        self._inputs, self._fold, self._device = inputs, fold, device
        self._rank, self._world = rank, world
        self.waited_s = 0.0
        self.n_images = 0

    def __call__(self, plan: np.ndarray) -> Iterator[Batch]:
        """The batches of an epoch's plan, (batches, batch size), in order."""
        share = share_of(plan.shape[1], self._rank, self._world)
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead: Future[tuple[torch.Tensor, torch.Tensor]] = reader.submit(self._read, plan[0][share])
            for number, chosen in enumerate(plan):
                started = time.perf_counter()
                images, starts = ahead.result()
                self.waited_s += time.perf_counter() - started
                if number + 1 < len(plan):
                    ahead = reader.submit(self._read, plan[number + 1][share])
                self.n_images += len(images) * self._world
                yield Batch(chosen, share, images.to(self._device, non_blocking=True), starts.to(self._device))

    def _read(self, positions: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        bags = self._fold.take(positions)
        images = torch.from_numpy(self._inputs[bags.rows])
        return images.pin_memory() if self._device.type == "cuda" else images, torch.from_numpy(bags.starts)
