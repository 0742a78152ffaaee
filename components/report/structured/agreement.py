"""In which attributes two cases agree: the marks under a neighbour's picture."""

from collections.abc import Mapping

import numpy as np

SAME, OTHER, NOT_KNOWN = "✓", "✗", "–"


def agreement(by_set: Mapping[str, np.ndarray], first: int, second: int) -> list[tuple[str, str]]:
    """Attribute and mark: whether two label sets share a value of it, or one of them does not know it.

    by_set: attribute → bool, (S, V), which values each label set has; first, second: set_id.
    """
    return [(attribute, _mark(has[first], has[second])) for attribute, has in by_set.items()]


def _mark(first: np.ndarray, second: np.ndarray) -> str:
    if not (first.any() and second.any()):
        return NOT_KNOWN
    return SAME if (first & second).any() else OTHER
