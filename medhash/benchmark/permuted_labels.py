"""What the rows of a table score where the queries exchange their labels."""

import numpy as np

from medhash.benchmark import facts
from medhash.benchmark.results import Measured
from medhash.core.data_sets import SetWorkspace
from medhash.retrieval.code_table import place_codes, read_codes
from medhash.retrieval.evaluation.galleries import exchanged_map
from medhash.retrieval.evaluation.tables import Tables


def permuted_labels_maps(workspace: SetWorkspace, results: list[Measured]) -> dict[tuple[str, int], float]:
    """(row, bits) → mean over seeds of `exchanged_map`; rows that are not binarised, or failed, are left out."""
    tables = Tables.read(workspace)
    levels, found = tables.level_matrix(), {}
    for result in results:
        paths = [workspace.row(result.row.method, result.bits, seed) / facts.CODES for seed in result.seeds]
        if paths and all(path.exists() for path in paths):
            values = []
            for path in paths:
                placed = place_codes(read_codes(path), tables.labels)
                values.append(exchanged_map(placed.of_folds("test"), placed.of_folds("train", "val"), levels, 0))
            found[result.row.name, result.bits] = float(np.mean(values))
    return found
