"""What a preference gives: how many of the nearest have the query's value where its sub-code comes first."""

import numpy as np

from components.documents import Satisfaction
from components.evaluate.by_attribute import AttributeRelevance
from components.index.code_table import PlacedCodes
from components.retrieval.hamming import hamming_distances
from components.retrieval.own_patient import OwnPatientPairs
from components.retrieval.precision_at_k import precision_at_k
from components.retrieval.threads import map_ranges

NEAREST = 10
_QUERIES = 32


def satisfaction(
    queries: PlacedCodes, gallery: PlacedCodes, bits: slice | None, relevance: AttributeRelevance, threads: int | None
) -> Satisfaction | None:
    """Preference satisfaction@10 of an attribute: mean share of the 10 nearest that have a value of the query's.

    plain: by the whole code's distance d; preferred: by (d_a, d), d_a the distance of the attribute's sub-code, the
    bits `bits` (None: the code has no such part). Ties in expectation. The whole gallery is searched: a case that does
    not know the attribute satisfies nobody. None where no query knows the attribute.
    Source: structured hashing's preferential retrieval; the measure is ours.
    """
    asked = np.flatnonzero(relevance.known[queries.set_ids])
    if not len(asked) or not len(gallery):
        return None
    shared, own = relevance.shared(), OwnPatientPairs(queries.patient_ids, gallery.patient_ids)
    part = bits or slice(0, 0)
    n_distances, n_own = 8 * queries.codes.shape[1] + 1, part.stop - part.start + 1
    of_queries, of_gallery = sub_code(queries.codes, part), sub_code(gallery.codes, part)

    def counted(start: int, stop: int) -> np.ndarray:
        rows = asked[start:stop]
        plain = hamming_distances(queries.codes[rows], gallery.codes).astype(np.int64)
        preferred = (
            plain
            if bits is None
            else hamming_distances(of_queries[rows], of_gallery).astype(np.int64) * n_distances + plain
        )
        found = np.empty((len(rows), 3))
        for place, row in enumerate(rows.tolist()):
            others = np.ones(len(gallery), bool)
            others[own.items_of(row)] = False
            match = shared[queries.set_ids[row], gallery.set_ids[others]]
            orders = (
                (plain[place][others], n_distances),
                (preferred[place][others], n_own * n_distances),
                (np.zeros(others.sum(), np.int64), 1),
            )
            found[place] = [precision_at_k(_histogram(keys, match, n), NEAREST)[0] for keys, n in orders]
        return found

    ranges = [(start, min(start + _QUERIES, len(asked))) for start in range(0, len(asked), _QUERIES)]
    plain, preferred, chance = np.concatenate(map_ranges(counted, ranges, threads)).mean(axis=0).tolist()
    return Satisfaction(
        k=NEAREST, n_queries=len(asked), plain=plain, preferred=None if bits is None else preferred, chance=chance
    )


def sub_code(codes: np.ndarray, bits: slice) -> np.ndarray:
    """Some bits of packed codes, packed anew: uint8 (N, ⌈bits / 8⌉), filled up with zeros."""
    packed: np.ndarray = np.packbits(np.unpackbits(codes, axis=1)[:, bits], axis=1)
    return packed


def _histogram(keys: np.ndarray, match: np.ndarray, n_keys: int) -> np.ndarray:
    """How many items have each key, without and with a match: int64, (1, n_keys, 2)."""
    return np.bincount(2 * keys + match, minlength=2 * n_keys).reshape(1, n_keys, 2)
