"""The settings of each objective, free of torch so that the catalogue stays quick to read."""

from typing import TYPE_CHECKING, Literal

from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.fields import STRICT, Positive, Weight
from medhash.hashing.objectives.settings_bags import DmihSettings
from medhash.hashing.objectives.settings_pairwise import DpshSettings, DshSettings, HashnetSettings, IdhnSettings
from medhash.hashing.objectives.settings_pointwise import (
    ClassifySettings,
    CsqSettings,
    GreedyhashSettings,
    OrthohashSettings,
)

if TYPE_CHECKING:
    from medhash.hashing.objectives.drh import DrhObjective
    from medhash.hashing.objectives.osdh import OsdhObjective


@dataclass(frozen=True, config=STRICT)
class DrhSettings:
    """Deep Residual Hashing; the defaults are the paper's. λ_w is the recipe's weight decay."""

    nca: Literal["expected", "log"] = "expected"
    temperature: Positive = 1.0
    temperature_per_bit: bool = False
    """The temperature counts in units of K, so that it keeps its meaning at any code length."""
    quantization: Weight = 0.05
    """λ_q"""
    balance: Weight = 0.025
    """λ_b"""
    bit_balance: Literal["centred", "literal"] = "centred"
    orthogonality: Weight = 0.01
    """λ_o"""

    def build(self, bits: int, n_labels: int) -> "DrhObjective":
        from medhash.hashing.objectives.drh import DrhObjective

        return DrhObjective(self, bits)


@dataclass(frozen=True, config=STRICT)
class OsdhSettings:
    """Order-Sensitive Deep Hashing; the defaults are the paper's. λ_p is the recipe's weight decay.

    The paper's Table 2 names the ablations by what is missing: OSDH-R has λ_R = 0, OSDH-C has λ_C = 0.
    """

    ranking: Weight = 0.1
    """λ_R"""
    classification: Weight = 1.0
    """λ_C"""
    margin: Weight = 5.0
    """ρ, in bits."""
    lists: Literal["sampled", "expected"] = "sampled"
    """One random list of three per query, or the expectation over all of them."""

    def build(self, bits: int, n_labels: int) -> "OsdhObjective":
        from medhash.hashing.objectives.osdh import OsdhObjective

        return OsdhObjective(self, bits, n_labels)


ObjectiveSettings = (
    DrhSettings
    | OsdhSettings
    | DshSettings
    | DpshSettings
    | HashnetSettings
    | IdhnSettings
    | CsqSettings
    | OrthohashSettings
    | GreedyhashSettings
    | ClassifySettings
    | DmihSettings
)

__all__ = [
    "ClassifySettings",
    "CsqSettings",
    "DmihSettings",
    "DpshSettings",
    "DrhSettings",
    "DshSettings",
    "GreedyhashSettings",
    "HashnetSettings",
    "IdhnSettings",
    "ObjectiveSettings",
    "OrthohashSettings",
    "OsdhSettings",
]
