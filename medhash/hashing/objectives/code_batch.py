"""What an objective is given of a batch, and what it yields. Free of torch until a batch is looked at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Terms = Iterator[tuple[str, float, Callable[[], "torch.Tensor"]]]
"""Name, weight and computation of each term. Of a term whose weight is 0 nothing is computed."""


@dataclass(frozen=True)
class CodeBatch:
    """What an objective sees of a batch. Floating-point tensors have single precision at least."""

    h: "torch.Tensor"
    """(N, K): relaxed codes of images, or of bags where the network pools them."""
    labels: "torch.Tensor"
    """(N, C), float, multi-hot."""
    hash_weight: "torch.Tensor"
    """(K, d): weight of the hash layer; (0, 0) of a network without one."""
    parts: Any
    """What `Objective.parts` returned, by name."""
    log_memberships: "torch.Tensor | None" = None
    """(N, V): of structured methods, log membership in each value of each attribute."""
    instances: "torch.Tensor | None" = None
    """(m, K): of methods that pool bags, codes of the instances, bag after bag."""
    starts: "torch.Tensor | None" = None
    """(N + 1,), int64: bag b has the instances [starts[b], starts[b + 1])."""
    done: float = 0.0
    """t/T: share of the training that is done; 1 in the last epoch."""

    @property
    def similar(self) -> "torch.Tensor":
        """s_ij, bool, (N, N): whether images i and j share a label."""
        from medhash.hashing.losses.pairs import share_a_label

        return share_a_label(self.labels.float())
