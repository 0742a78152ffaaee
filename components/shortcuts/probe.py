"""The linear probe: what can be read off given features by a weighted sum of them."""

import warnings

import numpy as np

_INVERSE_PENALTY = 10.0
"""Weak: sizes that lie near each other among others far off are to be told apart, too."""
_MOST_STEPS, _TOLERANCE = 100, 1e-3
"""Of 1,572 images in ten classes, 300 steps at a tenth of the tolerance moved no figure by more than 0.005, and took
three times as long."""


def balanced_accuracy(
    features: np.ndarray, classes: np.ndarray, asked: np.ndarray, truth: np.ndarray, seed: int
) -> float:
    """Mean over classes of the share of their rows that a logistic regression calls right.

    features: float (n, d), standardised here by their own mean and deviation; classes: (n,), what it is fitted to,
    every class with equal weight whatever its size. asked: (m, d); truth: (m,), with at least a row of every class.
    Deterministic: equal input gives an equal figure.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(
        StandardScaler(),
        LogisticRegression(
            C=_INVERSE_PENALTY, class_weight="balanced", tol=_TOLERANCE, max_iter=_MOST_STEPS, random_state=seed
        ),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last steps move weights, hardly a decision
        fitted.fit(features, classes)
    return float(balanced_accuracy_score(truth, fitted.predict(asked)))
