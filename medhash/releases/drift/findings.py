"""New images against a champion's profile, measure by measure: PSI, what chance gives, and a verdict."""

from typing import Literal

import numpy as np

from medhash.core.documents import Document
from medhash.core.params.operation import DriftParams
from medhash.releases.drift.histogram import Histogram


def psi(p: np.ndarray, q: np.ndarray, n: int, m: int) -> float:
    """PSI = Σ_i (p'_i - q'_i) ln(p'_i / q'_i), over the bins of two histograms; 0 where they are equal.

    p, q: shares of n and of m independent observations, (B,), each summing to 1. Smoothing, as Laplace's, lifts every
    bin of both alike by half an observation of the smaller sample: p' = (p + ε) / (1 + Bε), ε = 1 / (2 min(n, m)). So
    an empty bin gives a finite figure, and two samples of one population still have equal expected shares, however
    much they differ in size. It is the symmetric Kullback-Leibler divergence (Jeffreys), in nats.
    """
    offset = 1 / (2 * min(n, m))
    smoothed_p, smoothed_q = ((shares + offset) / (1 + len(shares) * offset) for shares in (p, q))
    return float(np.sum((smoothed_p - smoothed_q) * np.log(smoothed_p / smoothed_q)))


def expected_psi(n_bins: int, n: int, m: int) -> float:
    """E[PSI] ≈ (B - 1)(1/n + 1/m) where both samples are of one population: what to subtract.

    To second order in the differences, PSI is Pearson's χ² of B - 1 degrees of freedom, times 1/n + 1/m. Smoothing
    lowers it where a bin holds few observations, and so does dependence within observations that count for one:
    then this is an upper bound. Source: B. Yurdakul, J. Naranjo, Statistical properties of the population stability
    index, Journal of Risk Model Validation 14(4), 2020.
    """
    return (n_bins - 1) * (1 / n + 1 / m)


def chance_limit(n_bins: int, n: int, m: int, alpha: float) -> float:
    """The PSI that two samples of one population exceed with probability `alpha`, by the same approximation."""
    from scipy.stats import chi2

    return float(chi2.ppf(1 - alpha, n_bins - 1)) * (1 / n + 1 / m) if n_bins > 1 else 0.0


ALPHA = 0.01
"""A finding beyond the limits counts only if chance alone gives as much in fewer than 1 % of cases, all measures
taken together (Bonferroni)."""
Verdict = Literal["ok", "warn", "stop", "not judged"]


class Finding(Document):
    """One measure. Shares are of patients, each counting once."""

    measure: str
    bins: list[str]
    baseline: list[float]
    new: list[float]
    n_baseline_images: int
    n_baseline_patients: int
    n_new_images: int
    n_new_patients: int
    psi: float
    by_chance: float
    """Expected PSI of two samples as small as these from one population."""
    drift: float
    """psi - by_chance: what is held against the limits."""
    chance_limit: float
    """PSI that chance alone rarely exceeds."""
    verdict: Verdict

    def words(self, warn: float) -> str:
        """The verdict as a table shows it. warn: the lower limit."""
        if self.verdict == "ok" and self.drift > warn:
            return "ok: chance could be as much"
        return self.verdict.replace("stop", "STOP")


def find_drift(baseline: dict[str, Histogram], new: dict[str, Histogram], settings: DriftParams) -> list[Finding]:
    """A finding for each measure that both have, in the order of `new`.

    baseline, new: histograms over the same bins. n and m of psi, expected_psi and chance_limit are numbers of
    patients: images of one patient are alike, and would make chance look like drift. Verdict: above settings.stop
    `stop`, above settings.warn `warn`, either only if also above the chance limit; `not judged` for fewer than
    settings.min_images new images.
    """
    shared = [name for name in new if name in baseline]
    return [_finding(name, baseline[name], new[name], ALPHA / len(shared), settings) for name in shared]


def _finding(name: str, baseline: Histogram, new: Histogram, alpha: float, settings: DriftParams) -> Finding:
    p, q, n, m = new.shares, baseline.shares, new.n_patients, baseline.n_patients
    used = (p > 0) | (q > 0)
    n_bins = int(np.count_nonzero(used))
    value, chance = psi(p[used], q[used], n, m), expected_psi(n_bins, n, m)
    limit, drift = chance_limit(n_bins, n, m, alpha), value - chance
    verdict: Verdict = "ok"
    if new.n_images < settings.min_images:
        verdict = "not judged"
    elif value > limit and drift > settings.warn:
        verdict = "stop" if drift > settings.stop else "warn"
    return Finding(
        measure=name,
        bins=baseline.bins(),
        baseline=np.round(q, 6).tolist(),
        new=np.round(p, 6).tolist(),
        n_baseline_images=baseline.n_images,
        n_baseline_patients=m,
        n_new_images=new.n_images,
        n_new_patients=n,
        psi=round(value, 6),
        by_chance=round(chance, 6),
        drift=round(drift, 6),
        chance_limit=round(limit, 6),
        verdict=verdict,
    )
