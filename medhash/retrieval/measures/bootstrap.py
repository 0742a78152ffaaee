"""Bootstrap over patients: all queries of a patient are drawn together, as they are not independent."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_CHUNK_DRAWS = 1 << 19
"""Patients drawn at once: 4 MB."""


class PairedDifference(NamedTuple):
    """Mean of a - b over queries, per measure, with its 95 % interval and two-sided p; float64, (M,) each."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray


def patient_bootstrap(values: np.ndarray, patients: np.ndarray, n_samples: int, seed: int) -> np.ndarray:
    """95 % percentile interval of the mean of each column, resampling patients with replacement.

    values: float64, (Q, M), M measures of each query; NaN stands outside the mean. patients: (Q,), any sortable
    ids. Returns float64, (M, 2): low and high; NaN where a column has no value at all. Equal seeds give equal
    intervals, and all columns see the same resamples. A resample without any value of a column is left out.
    Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13; cluster form as in Field & Welsh 2007.
    """
    return _intervals(_resampled_means(values, patients, n_samples, seed))


def paired_bootstrap(a: np.ndarray, b: np.ndarray, patients: np.ndarray, n_samples: int, seed: int) -> PairedDifference:
    """How far method a lies above method b on the same queries, resampling patients with replacement.

    a, b: float64, (Q, M), M measures of each query; a query that has no value under either stands outside.
    patients: (Q,), any sortable ids. The interval is the percentile interval of the mean difference; p is twice the
    smaller share of resamples on either side of 0, (1 + #)/(1 + n_samples), at most 1: below 0.05 where the interval
    excludes 0 (up to the resolution of n_samples). NaN where a measure has no value at all.
    Source: Efron & Tibshirani 1993, ch. 13 and §15.4 (inverting the percentile interval); +1 as in Davison & Hinkley
    1997, §4.2, so that p is never 0. Raises ValueError if a and b differ in shape.
    """
    if a.shape != b.shape:
        raise ValueError(f"the values of the two methods have shapes {a.shape} and {b.shape}")
    difference = a - b
    means = _resampled_means(difference, patients, n_samples, seed)
    low, high = _intervals(means).T
    n_drawn = (~np.isnan(means)).sum(axis=0)
    n_beyond = np.minimum((means <= 0).sum(axis=0), (means >= 0).sum(axis=0))
    present = ~np.isnan(difference)
    mean = np.divide(
        np.where(present, difference, 0).sum(axis=0),
        present.sum(axis=0),
        out=np.full(a.shape[1], np.nan),
        where=present.any(axis=0),
    )
    p_value = np.where(n_drawn > 0, np.minimum(2 * (1 + n_beyond) / (1 + n_drawn), 1), np.nan)
    return PairedDifference(mean, low, high, p_value)


def _resampled_means(values: np.ndarray, patients: np.ndarray, n_samples: int, seed: int) -> np.ndarray:
    """The mean of each column in each resample: float64, (n_samples, M); NaN where a resample has no value."""
    _, patient = np.unique(patients, return_inverse=True)
    n_patients = int(patient.max(initial=-1)) + 1
    present = ~np.isnan(values)
    sums = _sum_by(patient, np.where(present, values, 0.0), n_patients)  # (P, M)
    counts = _sum_by(patient, present.astype(np.float64), n_patients)
    means = np.full((n_samples, values.shape[1]), np.nan)
    start = 0
    for times_drawn in draws_of_patients(n_patients, n_samples, seed):  # (S, P)
        # Not a BLAS product: its rounding can depend on the number of threads, and equal input must give equal bytes.
        total, n_values = (np.einsum("sp,pm->sm", times_drawn, columns) for columns in (sums, counts))
        np.divide(total, n_values, out=means[start : start + len(total)], where=n_values > 0)
        start += len(total)
    return means


def draws_of_patients(n_patients: int, n_samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each patient is drawn: float64, (samples, P), some samples at a time."""
    random = np.random.default_rng(seed)
    step = max(1, _CHUNK_DRAWS // max(n_patients, 1))
    for start in range(0, n_samples if n_patients else 0, step):
        n = min(step, n_samples - start)
        drawn = random.integers(0, n_patients, (n, n_patients)) + n_patients * np.arange(n)[:, None]
        yield np.bincount(drawn.ravel(), minlength=n * n_patients).reshape(n, n_patients).astype(np.float64)


def _intervals(means: np.ndarray) -> np.ndarray:
    """Percentiles 2.5 and 97.5 of each column, (M, 2), over the resamples that have a value."""
    intervals = np.full((means.shape[1], 2), np.nan)
    for column, column_means in enumerate(means.T):
        drawn_means = column_means[~np.isnan(column_means)]
        if len(drawn_means):
            intervals[column] = np.percentile(drawn_means, [2.5, 97.5])
    return intervals


def _sum_by(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    return np.stack([np.bincount(group, column, n_groups) for column in values.T], axis=1)
