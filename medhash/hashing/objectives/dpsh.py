"""Deep Pairwise-Supervised Hashing: the likelihood of pairwise similarity under inner products of codes."""

from pydantic.dataclasses import dataclass

from medhash.hashing.objectives.objective import CodeBatch, Objective, Terms, Weight


@dataclass(frozen=True)
class DpshObjective(Objective):
    """J = mean over pairs of [log(1 + e^θ) - s θ] + η · mean of (sgn(u) - u)², θ = ½⟨u_i, u_j⟩.

    Needs `activation: none`: h is u, unbounded. Two images are similar if they share a label.
    Source: Li et al., Feature Learning based Deep Supervised Hashing with Pairwise Labels (IJCAI 2016). Deviations:
    means where the paper sums; all pairs of the batch, with the gradient to both images, where the paper keeps the
    other images' outputs of the epoch before.
    """

    quantization: Weight = 0.1
    """η, on the mean over images and bits. The paper's is 10 to 100 where pairs and images are summed; among 5,000
    training images of 32 bits and in means, that is 0.06 to 0.6."""

    def terms(self, batch: CodeBatch) -> Terms:
        from medhash.hashing.losses.binary_gap import binary_gap_loss
        from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss

        yield "likelihood", 1.0, lambda: pairwise_likelihood_loss(batch.h, batch.similar, slope=0.5)
        yield "quantization", self.quantization, lambda: binary_gap_loss(batch.h, 2)
