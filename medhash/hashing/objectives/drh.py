"""Deep Residual Hashing: neighbourhood component analysis, quantisation, bit balance and orthogonality."""

from typing import Literal

from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.objective import CodeBatch, Objective, Positive, Terms, Weight


@dataclass(frozen=True)
class DrhObjective(Objective):
    """J = J_S + λ_q J_Q + λ_b J_B + λ_o R_O; two images are similar if they share a label.

    The defaults are the paper's. Source: Deep Residual Hashing, eq. (3). Deviation: λ_w R_W is not a term here but
    the recipe's weight decay (the paper gives no λ_w); J_Q and J_B deviate as their docstrings say.
    """

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

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.balance import balance_loss
        from medhash.hashing.losses.nca import nca_loss
        from medhash.hashing.losses.orthogonality import orthogonality_loss
        from medhash.hashing.losses.quantization import quantization_loss

        temperature = self.temperature * (batch.h.shape[1] if self.temperature_per_bit else 1)
        yield "nca", 1.0, lambda: nca_loss(batch.h, batch.similar, temperature, self.nca)
        yield "quantization", self.quantization, lambda: quantization_loss(batch.h)
        yield "balance", self.balance, lambda: balance_loss(batch.h, self.bit_balance)
        yield "orthogonality", self.orthogonality, lambda: orthogonality_loss(batch.hash_weight)
