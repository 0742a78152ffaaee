"""An objective as a torch module: full precision, and no work for terms of weight zero."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from medhash.hashing.objectives.code_batch import CodeBatch

if TYPE_CHECKING:
    from medhash.hashing.objectives.objective import Objective


class ObjectiveModule(nn.Module):
    """Computes an objective's weighted terms; the loss is their sum."""

    def __init__(self, objective: "Objective", parts: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.objective = objective
        self.parts = nn.ModuleDict(parts)

    def forward(
        self,
        h: torch.Tensor,
        labels: torch.Tensor,
        hash_weight: torch.Tensor,
        *,
        log_memberships: torch.Tensor | None = None,
        instances: torch.Tensor | None = None,
        starts: torch.Tensor | None = None,
        done: float = 0.0,
    ) -> dict[str, torch.Tensor]:
        """Weight times term by name, of terms whose weight is above 0. Shapes: those of CodeBatch.

        A term of weight 0 is not computed: it costs nothing, and cannot turn the loss into NaN. Sums over pairs and
        bits exceed the precision of bf16, so autocast is off.
        """
        with torch.autocast(h.device.type, enabled=False):
            batch = CodeBatch(
                full_precision(h),
                labels,
                full_precision(hash_weight),
                self.parts,
                None if log_memberships is None else full_precision(log_memberships),
                None if instances is None else full_precision(instances),
                starts,
                done,
            )
            return {name: weight * compute() for name, weight, compute in self.objective.terms(batch) if weight > 0}


def full_precision(x: torch.Tensor) -> torch.Tensor:
    """The tensor in single precision at least."""
    return x if x.dtype == torch.float64 else x.float()
