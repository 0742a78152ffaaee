"""Order-Sensitive Deep Hashing: ranked lists and multi-label classification."""

from typing import TYPE_CHECKING, Literal

from pydantic.dataclasses import dataclass

from medhash.core.errors import MedhashError
from medhash.hashing.layout import Layout
from medhash.hashing.objectives.objective import CodeBatch, Objective, Terms, Weight

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class OsdhObjective(Objective):
    """L = λ_R · mean L_R + λ_C · mean L_C, with a linear classifier of its own on h.

    The defaults are the paper's. Sampled lists draw from torch's global CPU generator.
    Source: Order-Sensitive Deep Hashing, eq. (4); λ_R = 0 is OSDH-R and λ_C = 0 OSDH-C of Table 2. Deviations: means
    over the batch where the paper sums, so that the learning rate means the same at any batch size; λ_p L_p is the
    recipe's weight decay. Raises MedhashError if both weights are 0.
    """

    ranking: Weight = 0.1
    """λ_R"""
    classification: Weight = 1.0
    """λ_C"""
    margin: Weight = 5.0
    """ρ, in bits."""
    lists: Literal["sampled", "expected"] = "sampled"
    """One random list of three per query, or the expectation over all of them."""

    def __post_init__(self) -> None:
        if self.ranking == self.classification == 0:
            raise MedhashError(
                "an OSDH objective without ranking and without classification has nothing to learn from",
                "set one of the weights ranking and classification above 0",
            )

    def parts(self, bits: int, n_labels: int, layout: Layout | None) -> "dict[str, nn.Module]":
        from torch import nn

        return {"classifier": nn.Linear(bits, n_labels)} if self.classification else {}

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.classification import classification_loss
        from medhash.hashing.losses.ranking import ranking_loss

        yield "ranking", self.ranking, lambda: ranking_loss(batch.h, batch.labels, self.margin, self.lists)
        yield (
            "classification",
            self.classification,
            lambda: classification_loss(batch.parts["classifier"](batch.h), batch.labels),
        )
