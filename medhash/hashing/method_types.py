"""The types of a catalogue's row: shallow, deep, structured, two-step, unbinarised. No torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from medhash.hashing.objectives.objective import Objective
from medhash.hashing.shallow.linear import Fit


@checked_dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Recipe:
    """How a deep method is optimised. Patience is the run's (params.train), and so are epochs unless stated here."""

    batch_size: Annotated[int, Field(ge=2)]
    """Images, or bags where the network pools them."""
    optimizer: Literal["sgd", "adamw"]
    learning_rate: Annotated[float, Field(gt=0)]
    """The initial rate; under one-cycle the highest."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Also stands for the papers' λ_w R_W and λ_p L_p."""
    schedule: Literal["plateau", "one-cycle", "step"]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of SGD; AdamW keeps its own betas (0.9, 0.999)."""
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """plateau and step multiply the rate by this."""
    plateau_epochs: Annotated[int, Field(ge=1)] = 10
    """plateau: epochs without a better validation MAP before a decay."""
    step_iterations: Annotated[int, Field(ge=1)] = 10_000
    """step: batches between decays."""
    epochs: Annotated[int, Field(ge=0)] = 0
    """Of a method whose training is short, its own number; 0 takes params.train.epochs."""
    warmup: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """one-cycle: share of all batches in which the rate rises."""


@dataclass(frozen=True)
class ShallowMethod:
    """A code learnt on GIST features."""

    type_name: ClassVar[str] = "shallow"
    name: str
    title: str
    source: str
    fit: Fit
    encoder: str = "linear"
    """Name in hashing.encoders of what turns features into a code, with what was fitted."""
    features: Literal["gist-512", "gist-1024"] = "gist-512"


@dataclass(frozen=True)
class DeepMethod:
    """A network trained end to end on pixels."""

    type_name: ClassVar[str] = "deep"
    name: str
    title: str
    source: str
    network: Mapping[str, str | int | float]
    """As hashing.networks.build.build_network takes it."""
    objective: Objective
    """Its settings, and what they build: the module that a training minimises."""
    recipe: Recipe
    continuation: tuple[float, ...] = field(default=(1.0,))
    """The values of α in tanh(α z), spread evenly over training."""


@dataclass(frozen=True)
class HeadMethod(DeepMethod):
    """A hash layer, trained by any of the losses, on frozen features of the images."""

    type_name: ClassVar[str] = "head"

    features: str = "gist-512"
    """Kinds joined by `+`, as of hashing.features."""


@dataclass(frozen=True)
class StructuredMethod(DeepMethod):
    """A network whose code has a part per attribute that the labels combine."""

    type_name: ClassVar[str] = "structured"

    ignores: tuple[str, ...] = ()
    """Attributes that it does not follow."""


@dataclass(frozen=True)
class TwoStepMethod:
    """A network first, then a shallow method on what it makes of the images."""

    type_name: ClassVar[str] = "two-step"

    network: DeepMethod
    """Trained as it stands, unless it is frozen."""
    fit: Fit
    encoder: str
    """Name in hashing.encoders, as of ShallowMethod."""
    frozen: bool = False
    """The network is not trained: its initial weights (train.initial_weights, or random ones) make the features."""
    needs: Callable[[np.ndarray], None] | None = None
    """Raises MedhashError where `fit` could not use the train fold's labels; asked before the network is trained."""

    @property
    def name(self) -> str:
        return self.network.name

    @property
    def title(self) -> str:
        return self.network.title

    @property
    def source(self) -> str:
        return self.network.source


@dataclass(frozen=True)
class Unbinarised:
    """A deep method's relaxed codes, ranked by Euclidean distance: what binarising costs; for benchmarks only."""

    type_name: ClassVar[str] = "unbinarised"
    name: str
    title: str
    source: str
    of: str
    """The method whose model it is."""


Method = ShallowMethod | DeepMethod | TwoStepMethod | Unbinarised
