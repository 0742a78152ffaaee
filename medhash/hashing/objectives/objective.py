"""What an objective is: strict settings, and the weighted terms of a batch. Torch is imported when one is built."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from medhash.hashing.layout import Layout

if TYPE_CHECKING:
    import torch
    from torch import nn

    from medhash.hashing.objectives.module import ObjectiveModule

Weight = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0)]
Centers = Literal["hadamard", "bernoulli"]

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


@checked_dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Objective:
    """Base of every objective. A subclass is a frozen pydantic dataclass whose fields are the settings.

    Subclasses inherit the strict checks of settings: unknown names and other types are errors.
    Subclasses import torch and losses inside their methods, so that the catalogue names them without torch.
    """

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        """Modules that are trained with the network and not needed to encode, such as a classifier. None by default.

        bits: K, or the width of an embedding; layout: of structured methods.
        """
        return {}

    def terms(self, batch: CodeBatch) -> Terms:
        """Yield the terms, whose weighted sum is the loss."""
        raise NotImplementedError

    def build(self, bits: int, n_labels: int, layout: Layout | None = None) -> "ObjectiveModule":
        """The torch module that a training minimises."""
        from medhash.hashing.objectives.module import ObjectiveModule

        return ObjectiveModule(self, self.parts(bits, n_labels, layout))
