"""Relevance histogram: how many gallery items each query has at each distance and relevance level.

Hamming distances are the integers 0 … K, so these counts hold all that a ranking measure can know: what lies
at one distance is tied. Every measure of this package is computed from them, without a sort.
"""

import numpy as np

from components.retrieval.hamming import hamming_distances

_CHUNK_PAIRS = 1 << 18
"""Same-patient pairs handled at once: the work arrays stay within a few MB."""


def relevance_histogram(query_codes: np.ndarray, gallery_codes: np.ndarray, query_sets: np.ndarray,
                        gallery_sets: np.ndarray, levels: np.ndarray, query_patients: np.ndarray,
                        gallery_patients: np.ndarray) -> np.ndarray:
    """T[q, d, l] = number of gallery items of another patient at distance d from q whose level is l.

    query_codes, gallery_codes: uint8, (Q, B) and (N, B), packed bits, K = 8 B; query_sets, gallery_sets: int,
    (Q,) and (N,), row of `levels`; levels: int, (S, S), number of shared labels of two label sets;
    query_patients, gallery_patients: (Q,) and (N,), any sortable ids: pairs of one patient are left out.
    Returns int64, (Q, K + 1, L + 1), L the highest level. Needs O(Q K L + N) memory, never Q × N.
    """
    n_distances, n_levels = 8 * query_codes.shape[1] + 1, int(levels.max(initial=0)) + 1
    histogram = np.zeros((len(query_codes), n_distances, n_levels), np.int64)
    cells = np.empty(len(gallery_codes), np.int64)
    for set_id in np.unique(query_sets):
        # One look-up of the gallery's levels serves all queries that carry the same label set.
        first_cell = (levels[set_id].astype(np.int64) * n_distances)[gallery_sets]
        for row in np.flatnonzero(query_sets == set_id):
            np.add(first_cell, hamming_distances(query_codes[row, None], gallery_codes)[0], out=cells)
            counts = np.bincount(cells, minlength=n_levels * n_distances)
            histogram[row] = counts.reshape(n_levels, n_distances).T

    queries, items = same_patient_pairs(query_patients, gallery_patients)
    for start in range(0, len(queries), _CHUNK_PAIRS):
        query, item = queries[start:start + _CHUNK_PAIRS], items[start:start + _CHUNK_PAIRS]
        distance = np.bitwise_count(query_codes[query] ^ gallery_codes[item]).sum(axis=1, dtype=np.int64)
        np.subtract.at(histogram, (query, distance, levels[query_sets[query], gallery_sets[item]]), 1)
    return histogram


def same_patient_pairs(query_patients: np.ndarray, gallery_patients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (query, gallery item) of all pairs that share a patient; two int64 arrays of equal length."""
    order = np.argsort(gallery_patients, kind="stable")
    in_order = np.asarray(gallery_patients)[order]
    first = np.searchsorted(in_order, query_patients, side="left")
    n_items = np.searchsorted(in_order, query_patients, side="right") - first                   # (Q,)
    queries = np.repeat(np.arange(len(n_items)), n_items)
    within = np.arange(len(queries)) - np.repeat(np.cumsum(n_items) - n_items, n_items)
    return queries, order[np.repeat(first, n_items) + within]
