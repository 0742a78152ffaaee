"""The settings of the objectives that compare pairs of images: DSH, DPSH, HashNet, IDHN. Free of torch."""

from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.fields import STRICT, Positive, Weight

if TYPE_CHECKING:
    from medhash.hashing.objectives.dpsh import DpshObjective
    from medhash.hashing.objectives.dsh import DshObjective
    from medhash.hashing.objectives.hashnet import HashnetObjective
    from medhash.hashing.objectives.idhn import IdhnObjective


@dataclass(frozen=True, config=STRICT)
class DshSettings:
    """Deep Supervised Hashing; the defaults are the paper's. Needs `activation: none`."""

    margin_per_bit: Positive = 2.0
    """m = this × K, in squared units of h: 2K is half of the bits."""
    quantization: Weight = 0.01
    """η, on the sum over the bits of both images of a pair."""

    def build(self, bits: int, n_labels: int) -> "DshObjective":
        from medhash.hashing.objectives.dsh import DshObjective

        return DshObjective(self, bits)


@dataclass(frozen=True, config=STRICT)
class DpshSettings:
    """Deep Pairwise-Supervised Hashing. Needs `activation: none`.

    The paper's η is 10 to 100 where pairs and images are summed; among 5,000 training images of 32 bits and in means,
    that is 0.06 to 0.6.
    """

    quantization: Weight = 0.1
    """η, on the mean over images and bits."""

    def build(self, bits: int, n_labels: int) -> "DpshObjective":
        from medhash.hashing.objectives.dpsh import DpshObjective

        return DpshObjective(self)


@dataclass(frozen=True, config=STRICT)
class HashnetSettings:
    """HashNet. Needs tanh and a growing continuation.

    The public code's β is √(1 + 0.005 t) at iteration t, held for 200 iterations.
    """

    slope_per_bit: Positive = 10.0
    """γ = this / K: log odds of ±10 between equal and opposite codes, as in the public code."""
    classification: Weight = 0.0
    """λ of a multi-label cross-entropy of a linear classifier on h, which the paper does not have."""

    def build(self, bits: int, n_labels: int) -> "HashnetObjective":
        from medhash.hashing.objectives.hashnet import HashnetObjective

        return HashnetObjective(self, bits, n_labels)


@dataclass(frozen=True, config=STRICT)
class IdhnSettings:
    """Improved Deep Hashing with soft pairwise similarity (IDHN). Needs a bounded h: tanh."""

    slope_per_bit: Positive = 5.0
    """The cross-entropy is on this / K × ⟨h, h'⟩, so on twice that share of ½⟨h, h'⟩."""
    soft_per_bit: Weight = 0.1
    """The squared error in bits weighs this / K."""
    quantization: Weight = 0.1
    """λ, on the mean over images and bits."""

    def build(self, bits: int, n_labels: int) -> "IdhnObjective":
        from medhash.hashing.objectives.idhn import IdhnObjective

        return IdhnObjective(self, bits)
