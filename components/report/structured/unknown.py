"""Cases that do not know an attribute: how many, by attribute and fold."""

from typing import Any

import numpy as np

from components.contracts import FOLDS
from components.report.run import Run
from components.shortcuts.classes import values_by_set


def unknown_table(run: Run) -> list[dict[str, Any]]:
    """A row per attribute that some case does not know: `counts`, for every fold how many do not, and of how many."""
    sets, folds = run.labels["set_id"].to_numpy(), np.asarray(run.labels["fold"].to_numpy(), dtype=str)
    rows = []
    for attribute, has in values_by_set(run.label_sets, run.vocabulary).items():
        unknown: np.ndarray = np.logical_not(has.any(axis=1))[sets]
        if unknown.any():
            rows.append(
                {
                    "attribute": attribute,
                    "counts": [(int(unknown[folds == fold].sum()), int((folds == fold).sum())) for fold in FOLDS],
                }
            )
    return rows
