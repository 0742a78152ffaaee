"""The permuted-label baseline: MAP where the label sets of the queries are permuted.

The gallery is training data, so its codes can form pure clusters. A query then ranks a whole class first or last. AP
gains more from first than it loses from last, so a random cluster scores a higher MAP than a random order: about 0.50
against 0.37 for three equal classes. P@k has no such bias.
"""

import numpy as np

from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.measures.average_precision import average_precision
from medhash.retrieval.measures.histogram import relevance_histogram

MOST_SETS = 32
"""Up to so many label sets the expectation is exact; above, it is the mean of so many random permutations."""


def permuted_labels_map(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray, seed: int = 0) -> float:
    """Expected MAP under a random permutation of the answerable queries' label sets.

    (1/Q) Σ_q Σ_s share(s) AP_q(s), where AP_q(s) is the AP of q's ranking if its label set were s. A pair of q and s
    without relevant cases is left out. Exact for up to MOST_SETS sets, else the mean of MOST_SETS permutations drawn
    by the seed. NaN where no query is answerable. Source: ours; the mean of a permutation test of labels (Good 2005,
    "Permutation, Parametric and Bootstrap Tests", ch. 3).
    """
    own = _average_precisions(queries, gallery, queries.set_ids, levels)
    kept = np.flatnonzero(~np.isnan(own))
    sets = queries.set_ids[kept]
    if not len(sets):
        return float("nan")
    distinct, counts = np.unique(sets, return_counts=True)
    if len(distinct) <= MOST_SETS:
        dealt = [np.full(len(queries), set_id, queries.set_ids.dtype) for set_id in distinct]
        weights = counts.astype(float)
    else:
        random, dealt = np.random.default_rng(seed), []
        for _ in range(MOST_SETS):
            dealt.append(queries.set_ids.copy())
            dealt[-1][kept] = random.permutation(sets)
        weights = np.ones(MOST_SETS)
    values = np.stack([_average_precisions(queries, gallery, set_ids, levels)[kept] for set_ids in dealt], axis=1)
    of_values = np.where(np.isnan(values), 0.0, weights)  # (Q, deals)
    return float((np.nan_to_num(values) * of_values).sum() / of_values.sum())


def _average_precisions(queries: PlacedCodes, gallery: PlacedCodes, sets: np.ndarray, levels: np.ndarray) -> np.ndarray:
    histogram = relevance_histogram(
        queries.codes, gallery.codes, sets, gallery.set_ids, levels, queries.patient_ids, gallery.patient_ids
    )
    return average_precision(histogram).expected
