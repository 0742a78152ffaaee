"""Two methods on the same queries: paired differences of their figures, with intervals over patients."""

import numpy as np
import pyarrow as pa

from medhash.core.documents import Difference
from medhash.core.errors import MedhashError
from medhash.retrieval.evaluation.ranked import FIGURE_COLUMNS
from medhash.retrieval.measures.bootstrap import paired_bootstrap

_SAME = ("bag_id", "patient_id", "n_relevant")


def compare(a: pa.Table, b: pa.Table, n_samples: int, seed: int) -> dict[str, Difference]:
    """Field of document Figures → by how much method a exceeds method b, paired by query, resampling patients.

    a, b: contract QUERIES of two methods measured on the same queries and gallery. Only queries with a relevant case
    count. The interval is over patients, not over training seeds.
    Raises MedhashError if the tables differ in queries or relevance, or if no query has a relevant case.
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
