"""Bootstrap intervals over patients: all queries of a patient are drawn together, as they are not independent."""

import numpy as np


def patient_bootstrap(values: np.ndarray, patients: np.ndarray, n_samples: int, seed: int) -> np.ndarray:
    """95 % percentile interval of the mean of each column, resampling patients with replacement.

    values: float64, (Q, M), M measures of each query; NaN stands outside the mean. patients: (Q,), any sortable
    ids. Returns float64, (M, 2): low and high; NaN where a column has no value at all. Equal seeds give equal
    intervals, and all columns see the same resamples. A resample without any value of a column is left out.
    Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13; cluster form as in Field & Welsh 2007.
    """
    _, patient = np.unique(patients, return_inverse=True)
    n_patients = int(patient.max(initial=-1)) + 1
    present = ~np.isnan(values)
    sums = _sum_by(patient, np.where(present, values, 0.0), n_patients)                     # (P, M)
    counts = _sum_by(patient, present.astype(np.float64), n_patients)
    random = np.random.default_rng(seed)
    means = np.full((n_samples, values.shape[1]), np.nan)
    for sample in range(n_samples):
        drawn = random.integers(0, n_patients, n_patients)
        total = counts[drawn].sum(axis=0)
        np.divide(sums[drawn].sum(axis=0), total, out=means[sample], where=total > 0)
    intervals = np.full((values.shape[1], 2), np.nan)
    for column, column_means in enumerate(means.T):
        drawn_means = column_means[~np.isnan(column_means)]
        if len(drawn_means):
            intervals[column] = np.percentile(drawn_means, [2.5, 97.5])
    return intervals


def _sum_by(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    return np.stack([np.bincount(group, column, n_groups) for column in values.T], axis=1)
