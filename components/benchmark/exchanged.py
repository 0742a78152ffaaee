"""What a row's rankings score where the queries exchange their labels: chance for codes that fall into groups.

A gallery that was trained on can lie in pure groups. A query then finds all of its class first or last, and as AP
gains more by the one than it loses by the other, guessing the group at random scores a higher MAP than a random order:
about 0.50 against 0.37 for three equal classes. P@k gains nothing by it.
"""

import numpy as np

from components.benchmark import facts
from components.benchmark.results import Measured
from components.benchmark.sets import SetWorkspace
from components.evaluate.tables import Tables
from components.index.code_table import PlacedCodes, place_codes, read_codes
from components.retrieval.average_precision import average_precision
from components.retrieval.histogram import relevance_histogram


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


def exchanged_map(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray) -> float:
    """MAP expected where the label sets of the answerable queries are dealt out to them anew at random.

    (1/Q) Σ_q Σ_s share(s) AP_q(s), AP_q(s) the AP of q's ranking if its label set were s: every set comes to every
    query equally often. Where s has nothing to find for q, its AP stands outside. Source: ours; the exact mean of the
    permutation test that exchanges labels (Good 2005, "Permutation, Parametric and Bootstrap Tests", ch. 3).
    """
    own = _average_precisions(queries, gallery, queries.set_ids, levels)
    sets = queries.set_ids[~np.isnan(own)]
    if not len(sets):
        return float("nan")
    kept = np.flatnonzero(~np.isnan(own))
    distinct, counts = np.unique(sets, return_counts=True)
    values = np.stack([_average_precisions(queries, gallery, np.full(len(queries), set_id), levels)[kept]
                       for set_id in distinct], axis=1)                                  # (Q, S)
    weights = np.where(np.isnan(values), 0.0, counts)
    return float((np.nan_to_num(values) * weights).sum() / weights.sum())


def _average_precisions(queries: PlacedCodes, gallery: PlacedCodes, sets: np.ndarray, levels: np.ndarray) -> np.ndarray:
    histogram = relevance_histogram(queries.codes, gallery.codes, sets, gallery.set_ids, levels, queries.patient_ids,
                                    gallery.patient_ids)
    return average_precision(histogram).expected
