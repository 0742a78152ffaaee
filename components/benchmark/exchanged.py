"""What the rows of a table score where the queries exchange their labels (components/evaluate/exchanged.py)."""

import numpy as np

from components.benchmark import facts
from components.benchmark.results import Measured
from components.benchmark.sets import SetWorkspace
from components.evaluate.exchanged import exchanged_map
from components.evaluate.tables import Tables
from components.index.code_table import place_codes, read_codes


def exchanged_maps(workspace: SetWorkspace, results: list[Measured]) -> dict[tuple[str, int], float]:
    """(row, bits) → mean over seeds of `exchanged_map`; rows that are not binarised, or failed, are left out."""
    tables = Tables.read(workspace)
    levels, found = tables.level_matrix(), {}
    for result in results:
        paths = [workspace.row(result.row.method, result.bits, seed) / facts.CODES for seed in result.seeds]
        if paths and all(path.exists() for path in paths):
            values = []
            for path in paths:
                placed = place_codes(read_codes(path), tables.labels)
                values.append(exchanged_map(placed.of_folds("test"), placed.of_folds("train", "val"), levels))
            found[result.row.name, result.bits] = float(np.mean(values))
    return found
