"""The settings of the objective on bags: Deep Multiple Instance Hashing. Free of torch."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.fields import STRICT, Positive, Weight

if TYPE_CHECKING:
    from medhash.hashing.objectives.dmih import DmihObjective


@dataclass(frozen=True, config=STRICT)
class DmihSettings:
    """Deep Multiple Instance Hashing. Needs tanh; on bags a network with a pooling, on single images one without."""

    loss: Literal["pairs", "nca"] = "pairs"
    """Of the bags: robust pairs, or the neighbourhood component analysis of Deep Residual Hashing."""
    penalty: Literal["huber", "tukey", "none"] = "huber"
    """ρ of the pairs."""
    huber: Positive = 0.1
    """δ, in shares of the bits."""
    tukey: Positive = 1.0
    """c, in shares of the bits."""
    margin: Positive = 0.5
    """Share of the bits beyond which dissimilar codes are far enough apart."""
    temperature: Positive = 0.25
    """Of nca, in units of K."""
    instances: Annotated[float, Field(ge=0, le=1)] = 0.5
    """λ_SI at the beginning of training; it falls to 0 at its end."""
    quantization: Weight = 0.001
    """λ_q"""
    balance: Weight = 0.001
    """λ_b"""
    orthogonality: Weight = 0.001
    """λ_o"""

    def build(self, bits: int, n_labels: int) -> "DmihObjective":
        from medhash.hashing.objectives.dmih import DmihObjective

        return DmihObjective(self, bits)
