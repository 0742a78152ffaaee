"""The settings of the objectives that look at one image at a time: CSQ, OrthoHash, GreedyHash, classification.

Free of torch.
"""

from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.fields import STRICT, Centers, Positive, Seed, Weight

if TYPE_CHECKING:
    from medhash.hashing.objectives.classify import ClassifyObjective
    from medhash.hashing.objectives.csq import CsqObjective
    from medhash.hashing.objectives.greedyhash import GreedyhashObjective
    from medhash.hashing.objectives.orthohash import OrthohashObjective


@dataclass(frozen=True, config=STRICT)
class CsqSettings:
    """Central Similarity Quantization; the defaults are the paper's. Needs tanh."""

    quantization: Weight = 1e-4
    """λ"""
    centers: Centers = "hadamard"
    """hadamard: bits a power of two and at most 2K labels."""
    centers_seed: Seed = 0

    def build(self, bits: int, n_labels: int) -> "CsqObjective":
        from medhash.hashing.objectives.csq import CsqObjective

        return CsqObjective(self, bits, n_labels)


@dataclass(frozen=True, config=STRICT)
class OrthohashSettings:
    """OrthoHash (One Loss for All). Needs `activation: none`, and by the paper `code_norm: batch`."""

    margin: Weight = 0.2
    """In units of the cosine."""
    scale_per_root_bit: Positive = 1.0
    """The logits are cosines times this × √K; 1 at 64 bits is the public code's scale of 8."""
    centers: Centers = "hadamard"
    """hadamard: bits a power of two and at most 2K labels."""
    centers_seed: Seed = 0

    def build(self, bits: int, n_labels: int) -> "OrthohashObjective":
        from medhash.hashing.objectives.orthohash import OrthohashObjective

        return OrthohashObjective(self, bits, n_labels)


@dataclass(frozen=True, config=STRICT)
class GreedyhashSettings:
    """Greedy Hash. Needs `activation: none`."""

    penalty: Weight = 0.1
    """α, on the mean over images and bits."""

    def build(self, bits: int, n_labels: int) -> "GreedyhashObjective":
        from medhash.hashing.objectives.greedyhash import GreedyhashObjective

        return GreedyhashObjective(self, bits, n_labels)


@dataclass(frozen=True, config=STRICT)
class ClassifySettings:
    """Multi-label cross-entropy alone, on whatever the network gives: the fine-tuning of A-KSH and V-KSH.

    `bits` is then the width of the representation; any activation will do.
    """

    def build(self, bits: int, n_labels: int) -> "ClassifyObjective":
        from medhash.hashing.objectives.classify import ClassifyObjective

        return ClassifyObjective(bits, n_labels)
