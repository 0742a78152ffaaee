"""What a batch knows of each attribute: cases that do not know it take no part in its losses."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import nn

from medhash.hashing.layout import Layout


class Known(NamedTuple):
    """The cases of a batch that know an attribute."""

    name: str
    h: torch.Tensor
    """Their sub-codes, (n, K_a)."""
    log_membership: torch.Tensor
    """(n, C_a)"""
    labels: torch.Tensor
    """Multi-hot, (n, C_a), no row empty."""

    def terms(
        self, weights: dict[str, float], losses: dict[str, Callable[[], torch.Tensor]]
    ) -> dict[str, torch.Tensor]:
        """`ATTRIBUTE/TERM` → weight times loss, of terms that weigh anything; 0 where nobody knows the attribute."""
        nothing = self.h.sum() + self.log_membership.sum()  # 0, with a gradient of 0
        return {
            f"{self.name}/{term}": weight * losses[term]() if len(self.h) else nothing
            for term, weight in weights.items()
            if weight > 0
        }


class AttributeTargets(nn.Module):
    """From the combinations that cases carry to what they have of each attribute."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
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

    def known(self, h: torch.Tensor, labels: torch.Tensor, log_memberships: torch.Tensor) -> Iterator[Known]:
        """For every attribute what the cases that know it have. h: (N, K); log_memberships: (N, V)."""
        for place, name in enumerate(self.names):
            targets = self.of(place, labels)
            rows = targets.any(dim=1)
            yield Known(
                name,
                h[rows][:, self.layout.bit_slices[place]],
                log_memberships[rows][:, self.layout.value_slices[place]],
                targets[rows],
            )
