"""The device and the processes of a training: CPU, one GPU, or several under torchrun."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from medhash.core.errors import MedhashError


@dataclass(frozen=True)
class Processes:
    """This process among those that train together."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files, logs and progress."""
        return self.rank == 0


@contextmanager
def joined_processes(device: str, threads: int) -> Iterator[Processes]:
    """Choose the device, fix what makes results repeat, and join the other processes if torchrun started several.

    device: auto, cpu or cuda. Raises MedhashError for cuda without a GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise MedhashError(
            "train.device is cuda and torch sees no GPU",
            "set train.device to auto or cpu, or repair the driver (`nvidia-smi`)",
        )
    on_gpu = device != "cpu" and torch.cuda.is_available()
    # Read by cuBLAS at its first use: without it, some of its sums differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=on_gpu)
    # Deterministic mode also fills every new tensor with NaN, which only matters to code that reads before it writes.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    local = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(local)
    if world == 1:
        yield Processes(local)
        return
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Processes(local, rank, world)
    finally:
        dist.destroy_process_group()
