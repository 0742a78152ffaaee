"""Rankings by Euclidean distance of relaxed codes, for methods that are compared without binarising them.

The buckets of a query are its distinct distances, so every measure of this package applies: only exactly equal
distances are ties.
"""

import numpy as np

from medhash.retrieval.measures.histogram import OwnPatientPairs


class EuclideanCounter:
    """Counts the gallery items of other patients by squared distance ||h_q - h_g||² and relevance level.

    query_codes, gallery_codes: float32, (Q, K) and (N, K), in [-1, 1]; the rest as of `RelevanceCounter`. On codes
    of -1 and +1 the squared distance is 4 × the Hamming distance, exactly; so radius ρ of the balls holds what lies
    within a squared distance of 4 ρ, and 2 bits of P@H2 correspond to 8. Distances are summed in float64 over the
    components in their order, one item as another: equal codes are exactly tied, wherever they stand, and the sums
    depend on no number of threads. Needs O((Q + N) K) memory and one query's buckets, never Q × N.
    Source: Deep Residual Hashing, §3 (DRH-NB, the upper bound of its quantisation). Deviation [ours]: its P@H2.
    """

    def __init__(
        self,
        query_codes: np.ndarray,
        gallery_codes: np.ndarray,
        query_sets: np.ndarray,
        gallery_sets: np.ndarray,
        levels: np.ndarray,
        query_patients: np.ndarray,
        gallery_patients: np.ndarray,
    ) -> None:
        if query_codes.shape[1] != gallery_codes.shape[1]:
            raise ValueError(
                f"queries have {query_codes.shape[1]} components per code, the gallery {gallery_codes.shape[1]}"
            )
        self.n_queries, self.n_bits = query_codes.shape
        self.n_levels = int(levels.max(initial=0)) + 1
        self._query_codes = query_codes.astype(np.float64)
        self._components = np.ascontiguousarray(gallery_codes.T)  # (K, N)
        self._query_sets, self._gallery_sets, self._levels = query_sets, gallery_sets, levels
        self._own = OwnPatientPairs(query_patients, gallery_patients)

    def count(self, query: int) -> tuple[np.ndarray, np.ndarray]:
        """(by distance, by radius) of one query: int64, (1, distinct distances, L + 1) and (1, K + 1, L + 1).

        The distances are in ascending order; bucket ρ of the second holds what lies within radius ρ, not ρ - 1.
        """
        kept = np.ones(self._components.shape[1], bool)
        kept[self._own.items_of(query)] = False
        level = self._levels[self._query_sets[query]][self._gallery_sets][kept].astype(np.int64)
        squared = self._squared_distances(query)[kept]
        distinct, bucket = np.unique(squared, return_inverse=True)
        radius = np.minimum(np.ceil(squared / 4), self.n_bits).astype(np.int64)
        return self._table(bucket, level, len(distinct)), self._table(radius, level, self.n_bits + 1)

    def _squared_distances(self, query: int) -> np.ndarray:
        total = np.zeros(self._components.shape[1])
        difference = np.empty_like(total)
        for own, theirs in zip(self._query_codes[query], self._components, strict=True):
            np.subtract(theirs, own, out=difference)
            difference *= difference
            total += difference
        return total

    def _table(self, bucket: np.ndarray, level: np.ndarray, n_buckets: int) -> np.ndarray:
        counts = np.bincount(level * n_buckets + bucket, minlength=n_buckets * self.n_levels)
        return np.moveaxis(counts.reshape(self.n_levels, 1, n_buckets), 0, 2)  # as RelevanceCounter lays them out
