"""Improved Deep Hashing (IDHN): hard and soft pairwise similarity of label sets."""

from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.objective import CodeBatch, Objective, Positive, Terms, Weight


@dataclass(frozen=True)
class IdhnObjective(Objective):
    """L = mean over pairs of the soft similarity loss + λ · mean of | |h| - 1 |.

    Needs a bounded h: tanh.
    Source: Zhang et al., Improved Deep Hashing with Soft Pairwise Similarity for Multi-label Image Retrieval (IEEE
    TMM 2019). Deviations: means where the paper sums; h by tanh, where public ports use h = z / (1 + |z|); the
    slope 5/K and the weight 0.1/K of the squared error are our reading.
    """

    slope_per_bit: Positive = 5.0
    """The cross-entropy is on this / K × ⟨h, h'⟩, so on twice that share of ½⟨h, h'⟩."""
    soft_per_bit: Weight = 0.1
    """The squared error in bits weighs this / K."""
    quantization: Weight = 0.1
    """λ, on the mean over images and bits."""

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.binary_gap import binary_gap_loss
        from medhash.hashing.losses.soft_similarity import soft_similarity_loss

        bits = batch.h.shape[1]
        slope, soft_weight = self.slope_per_bit / bits, self.soft_per_bit / bits
        yield "similarity", 1.0, lambda: soft_similarity_loss(batch.h, batch.labels, slope, soft_weight)
        yield "quantization", self.quantization, lambda: binary_gap_loss(batch.h, 1)
