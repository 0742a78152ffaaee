"""One method trained with several seeds: mean and standard deviation of its figures."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from medhash.core.documents import Difference, Figures, Metrics, Spread
from medhash.core.errors import MedhashError
from medhash.retrieval.evaluation.ranked import FIGURE_COLUMNS
from medhash.retrieval.measures.bootstrap import paired_bootstrap

_SAME = ("bag_id", "patient_id", "n_relevant")


def compare(a: pa.Table, b: pa.Table, n_samples: int, seed: int) -> dict[str, Difference]:
    """Field of document Figures → how far method a lies above method b, paired by query, resampling patients.

    a, b: contract QUERIES of two methods that were measured on the same queries and gallery. Only queries to which
    something is relevant count. A difference of two seeds of one method says nothing about the methods: compare
    several (`spread_over_seeds`). Raises MedhashError if the tables are about different queries or relevance, or if
    nothing is relevant to any query.
    """
    a, b = a.sort_by("bag_id"), b.sort_by("bag_id")
    for name in _SAME:
        if not a[name].equals(b[name]):
            raise MedhashError(
                f"the two query tables differ in column {name}, so their queries, patients or relevance "
                "are not the same",
                "evaluate both methods on the same split and labels",
            )
    answerable = a["n_relevant"].to_numpy() > 0
    if not answerable.any():
        raise MedhashError(
            "nothing is relevant to any query of the two tables", "check the labels' classes in params.yaml"
        )
    of_a, of_b = (
        np.stack([table[column].to_numpy()[answerable] for column in FIGURE_COLUMNS.values()], axis=1)
        for table in (a, b)
    )
    found = paired_bootstrap(of_a, of_b, a["patient_id"].to_numpy()[answerable].astype(str), n_samples, seed)
    return {
        figure: Difference(value=float(value), low=float(low), high=float(high), p_value=float(p_value))
        for figure, value, low, high, p_value in zip(FIGURE_COLUMNS, *found, strict=True)
    }


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
