"""What an objective is: strict settings, and the weighted terms of a batch. Torch is imported when one is built."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from medhash.hashing.layout import Layout
from medhash.hashing.objectives.code_batch import CodeBatch, Terms

if TYPE_CHECKING:
    from torch import nn

    from medhash.hashing.objectives.module import ObjectiveModule

Weight = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0)]
Centers = Literal["hadamard", "bernoulli"]


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
