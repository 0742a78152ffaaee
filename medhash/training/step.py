"""The loss of one batch; under several processes, codes are gathered so that every pair counts."""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from medhash.hashing.networks.network import HashNetwork
from medhash.hashing.networks.sub_codes import SubCodeLayer


class _GatherRows(torch.autograd.Function):
    """Concatenate each process's rows in order of rank; the gradient flows to the process that made them."""

    @staticmethod
    def forward(ctx: Any, local: torch.Tensor) -> torch.Tensor:
        ctx.n_local = len(local)
        parts = [torch.empty_like(local) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, local.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        # Every process computes the same loss of the whole batch, so its own rows' gradient is already whole;
        # DistributedDataParallel then takes the mean over processes where their sum is meant, hence the factor.
        start = dist.get_rank() * ctx.n_local
        return gradients[0][start : start + ctx.n_local] * dist.get_world_size()


class BatchLoss(nn.Module):
    """Network and objective as one module, so that DistributedDataParallel sees all that is learnt.

    The objective sees relaxed codes of the whole batch whatever the number of processes: loss and gradient equal
    those of one process. Batch normalisation takes its statistics over all processes on GPUs (SyncBatchNorm);
    on CPU, where torch has no such layer, over each process's share.
    """

    def __init__(self, network: HashNetwork, objective: nn.Module, precision: str) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self._bf16 = precision == "bf16"

    def forward(
        self,
        images: torch.Tensor,
        labels: torch.Tensor,
        alpha: float,
        starts: torch.Tensor | None = None,
        done: float = 0.0,
    ) -> dict[str, torch.Tensor]:
        """Weighted loss terms by name; their sum is the loss.

        images: (n, channels, size, size), this process's share, in [0, 1]; labels: (N, C), of the whole batch.
        starts: only for a network that pools bags, int64 (N + 1,). The images are then the bags' instances, packed, and
        the objective gets codes of bags and instances, and `done`, the share of the training that is done.
        The objective of a structured code gets the log memberships, and no weight of a hash layer.
        """
        layer = self.network.hash_layer
        if starts is not None:
            assert isinstance(layer, nn.Linear)
            with torch.autocast(images.device.type, torch.bfloat16, enabled=self._bf16):
                bags, instances = self.network.bags(images, starts, alpha)
            return self.objective(
                bags.float(), labels, layer.weight, instances=instances.float(), starts=starts, done=done
            )
        if isinstance(layer, SubCodeLayer):
            with torch.autocast(images.device.type, torch.bfloat16, enabled=self._bf16):
                relaxed, scores = self.network.scored(images, alpha)
            relaxed, scores = relaxed.float(), scores.float()
            if dist.is_initialized():
                relaxed, scores = _GatherRows.apply(relaxed), _GatherRows.apply(scores)
            return self.objective(relaxed, labels, relaxed.new_zeros(0, 0), log_memberships=scores)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self._bf16):
            relaxed = self.network(images, alpha)
        relaxed = relaxed.float()
        if dist.is_initialized():
            relaxed = _GatherRows.apply(relaxed)
        return self.objective(
            relaxed, labels, layer.weight if isinstance(layer, nn.Linear) else relaxed.new_zeros(0, 0)
        )
