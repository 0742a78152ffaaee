"""What a batch knows of each attribute: cases that do not know it take no part in its losses."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from medhash.core.errors import MedhashError
from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import CodeBatch, Terms


class KnownCases(NamedTuple):
    """The cases of a batch that know an attribute."""

    name: str
    h: torch.Tensor
    """Their sub-codes, (n, K_a)."""
    log_membership: torch.Tensor
    """(n, C_a)"""
    labels: torch.Tensor
    """Multi-hot, (n, C_a), no row empty."""

    def named(self, terms: Terms) -> Terms:
        """The same terms under the names ATTRIBUTE/TERM; each is 0 where no case knows the attribute."""
        for name, weight, compute in terms:
            yield f"{self.name}/{name}", weight, compute if len(self.h) else self._zero

    def _zero(self) -> torch.Tensor:
        return self.h.sum() + self.log_membership.sum()  # of no rows: 0, with a gradient of 0


class AttributeTargets(nn.Module):
    """From the combinations that cases carry to what they have of each attribute."""

    def __init__(self, layout: Layout | None) -> None:
        super().__init__()
        if layout is None:
            raise MedhashError(
                "an objective on attributes needs the layout of a structured code",
                "make the row of the catalogue a StructuredMethod",
            )
        self.layout = layout
        self.names = tuple(attribute.name for attribute in layout.attributes)
        for place, attribute in enumerate(layout.attributes):
            matrix = torch.zeros(len(attribute.of_label), len(attribute.values))
            for label, value in enumerate(attribute.of_label):
                if value is not None:
                    matrix[label, value] = 1
            self.register_buffer(f"of_label_{place}", matrix, persistent=False)

    def of(self, place: int, labels: torch.Tensor) -> torch.Tensor:
        """Multi-hot, (N, C_a), of combinations, multi-hot (N, L); an empty row does not know the attribute."""
        matrix: torch.Tensor = self.get_buffer(f"of_label_{place}")
        return (labels @ matrix.to(labels.dtype) > 0).to(labels.dtype)

    def known(self, batch: CodeBatch) -> Iterator[KnownCases]:
        """For every attribute what the cases that know it have."""
        assert batch.log_memberships is not None
        for place, name in enumerate(self.names):
            targets = self.of(place, batch.labels)
            rows = targets.any(dim=1)
            yield KnownCases(
                name,
                batch.h[rows][:, self.layout.bit_slices[place]],
                batch.log_memberships[rows][:, self.layout.value_slices[place]],
                targets[rows],
            )
