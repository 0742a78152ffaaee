"""Expectations of similarity.parquet: every ordered pair once, symmetric, level 0 exactly where sets are disjoint."""

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from components.quality.inspection import Inspection
from medhash.core.contracts import LABEL_SETS, SIMILARITY, read_table
from medhash.core.params import Params
from medhash.core.workspace import Workspace


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """A row per label set with the errors of its pairs; a row per pair would be 641,601 on ChestX-ray14."""
    sets: list[list[int]] = read_table(workspace.label_sets, LABEL_SETS)["labels"].to_pylist()
    table = read_table(workspace.similarity, SIMILARITY)
    set_a, set_b, level, jaccard = (table[name].to_numpy() for name in ("set_a", "set_b", "level", "jaccard"))
    n = len(sets)
    known = (set_a >= 0) & (set_a < n) & (set_b >= 0) & (set_b < n)
    set_a, set_b, level, jaccard = (column[known] for column in (set_a, set_b, level, jaccard))
    times = np.zeros((n, n), int)
    np.add.at(times, (set_a, set_b), 1)
    levels, shares = np.full((n, n), -1), np.full((n, n), -1.0)  # -1: no such row
    levels[set_a, set_b], shares[set_a, set_b] = level, jaccard
    members = [set(labels) for labels in sets]
    disjoint = np.array([[first.isdisjoint(second) for second in members] for first in members], dtype=bool)
    frame = pd.DataFrame(
        {
            "row": [f"set {number}" for number in range(n)],
            "not_once": (times != 1).sum(axis=1),
            "asymmetric": ((levels != levels.T) | (shares != shares.T)).sum(axis=1),
            "wrong_zero": ((levels == 0) != disjoint).sum(axis=1),
            "own_level_off": np.diag(levels) - [len(labels) for labels in members],
            "outside": ((shares < 0) | (shares > 1) | ((shares == 0) != disjoint)).sum(axis=1),
        }
    )
    return [
        Inspection(
            "similarity",
            frame,
            {
                "every ordered pair of sets occurs once": _none("not_once"),
                "symmetric": _none("asymmetric"),
                "level 0 only where the sets are disjoint": _none("wrong_zero"),
                "a set's level with itself is its size": _none("own_level_off"),
                "Jaccard lies in [0, 1], 0 only where the sets are disjoint": _none("outside"),
            },
        ),
        Inspection(
            "similarity rows",
            pd.DataFrame({"row": ["all rows"], "unknown": [int((~known).sum())]}),
            {"only known sets occur": _none("unknown")},
        ),
    ]


def _none(column: str) -> gxe.Expectation:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[0])
