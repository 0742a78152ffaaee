"""The settings of the objectives on structured codes. Free of torch."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.fields import STRICT, Positive, Weight

if TYPE_CHECKING:
    from medhash.hashing.layout import Layout
    from medhash.hashing.objectives.fuzzhash import FuzzhashObjective
    from medhash.hashing.objectives.modhash import ModhashObjective
    from medhash.hashing.objectives.ophash import OphashObjective


@dataclass(frozen=True, config=STRICT)
class OphashSettings:
    """Organ and pathology hashing. Needs tanh."""

    semantic: Weight = 1.0
    """λ_s"""
    relational: Weight = 1.0
    """λ_r"""
    sub_codes: Weight = 1.0
    """λ_a; 0 leaves the sub-codes to what the whole code learns, as the source does."""
    classification: Weight = 1.0
    """λ_c"""
    gamma: Positive = 1.0
    """γ, in bits."""

    def build_structured(self, layout: "Layout") -> "OphashObjective":
        from medhash.hashing.objectives.ophash import OphashObjective

        return OphashObjective(self, layout)


@dataclass(frozen=True, config=STRICT)
class ModhashSettings:
    """A head per attribute. Needs tanh."""

    slope_per_bit: Positive = 10.0
    """γ_a = this / K_a, as HashNet's."""
    classification: Weight = 1.0
    """λ_c"""
    quantization: Weight = 0.01
    """λ_q"""

    def build_structured(self, layout: "Layout") -> "ModhashObjective":
        from medhash.hashing.objectives.modhash import ModhashObjective

        return ModhashObjective(self, layout)


@dataclass(frozen=True, config=STRICT)
class FuzzhashSettings:
    """Fuzzy structured codes. Needs tanh."""

    reach: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Distance of codes that share nothing, in shares of K_a; 1 in the source."""
    classification: Weight = 1.0
    """λ_m, of the memberships."""
    code_classification: Weight = 1.0
    """λ_c, of a classifier of the sub-code beside fuzzy memberships."""
    quantization: Weight = 0.01
    """λ_q"""

    def build_structured(self, layout: "Layout") -> "FuzzhashObjective":
        from medhash.hashing.objectives.fuzzhash import FuzzhashObjective

        return FuzzhashObjective(self, layout)


StructuredSettings = OphashSettings | ModhashSettings | FuzzhashSettings
