"""One method trained with several seeds: mean and standard deviation of its figures."""

from collections.abc import Sequence

import numpy as np

from components.documents import Figures, Metrics, Spread
from components.errors import MedhashError


def spread_over_seeds(runs: Sequence[Metrics]) -> dict[str, Spread]:
    """Field of document Figures, and validation_map where every run has it → mean and standard deviation over runs.

    runs: metrics.json of one method, trained with different seeds and measured on the same queries. The standard
    deviation has n - 1 in its divisor. It is that of training; the intervals in each run are those of the patients
    drawn. Raises MedhashError if the runs are fewer than two, differ in method, bits or evaluation, or if two are
    the same model.
    """
    if len(runs) < 2:
        raise MedhashError(f"{len(runs)} run has no spread", "train and evaluate the method with two seeds or more")
    for name in ("method", "bits", "evaluation_digest"):
        if len({getattr(run, name) for run in runs}) > 1:
            raise MedhashError(
                f"the runs differ in {name}, so they are not seeds of one method on the same queries",
                "give runs of one method that were evaluated on the same split and labels",
            )
    if len({run.model_digest for run in runs}) < len(runs):
        raise MedhashError("two of the runs are the same model", "give each run its own seed")
    values = {name: [getattr(run.figures, name) for run in runs] for name in Figures.model_fields}
    validation = [run.validation_map for run in runs if run.validation_map is not None]
    if len(validation) == len(runs):
        values["validation_map"] = validation
    return {
        name: Spread(mean=float(np.mean(column)), std=float(np.std(column, ddof=1))) for name, column in values.items()
    }
