"""Deep Supervised Hashing: similar images near each other, dissimilar ones a margin apart."""

from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.objective import CodeBatch, Objective, Positive, Terms, Weight


@dataclass(frozen=True)
class DshObjective(Objective):
    """L = mean over pairs of [½ s d² + ½ (1 - s) max(m - d², 0) + η (‖|h_i| - 1‖₁ + ‖|h_j| - 1‖₁)].

    Needs `activation: none`. The defaults are the paper's. Two images are similar if they share a label. The
    regulariser's mean over pairs is 2K times its mean over images and bits.
    Source: Liu et al., Deep Supervised Hashing (CVPR 2016). Deviation: mean where the paper sums over pairs.
    """

    margin_per_bit: Positive = 2.0
    """m = this × K, in squared units of h: 2K is half of the bits."""
    quantization: Weight = 0.01
    """η, on the sum over the bits of both images of a pair."""

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.binary_gap import binary_gap_loss
        from medhash.hashing.losses.contrastive import contrastive_loss

        bits = batch.h.shape[1]
        yield "contrastive", 1.0, lambda: contrastive_loss(batch.h, batch.similar, self.margin_per_bit * bits)
        yield "quantization", self.quantization * 2 * bits, lambda: binary_gap_loss(batch.h, 1)
