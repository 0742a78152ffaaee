"""The population stability index of two histograms, and how much of it chance alone gives."""

import numpy as np


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
