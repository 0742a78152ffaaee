"""Retrieval by one attribute: relevant is what shares a value of it, and who does not know it stands outside."""

from dataclasses import replace

import numpy as np

from components.documents import Attribute, AttributeFigures, Interval
from components.evaluate.exchanged import exchanged_map
from components.evaluate.ranked import Ranked, rank_by_hamming
from components.index.code_table import PlacedCodes
from components.retrieval.bootstrap import patient_bootstrap
from components.structure import targets


class AttributeRelevance:
    """Who is relevant to whom by one attribute, for the label sets of a data set.

    carried: bool, (S, L), the combinations of each label set. Sets that say the same of the attribute become one.
    """

    def __init__(self, attribute: Attribute, carried: np.ndarray) -> None:
        of_sets = targets(carried, attribute.of_label, len(attribute.values))  # (S, C)
        self.name = attribute.name
        self.of_sets = of_sets
        self.known = np.asarray(of_sets.any(axis=1))
        """bool, (S,)"""
        distinct, self._own_set = np.unique(of_sets, axis=0, return_inverse=True)
        self.levels = (distinct.astype(np.int16) @ distinct.T.astype(np.int16)).astype(np.int16)

    def of(self, codes: PlacedCodes) -> PlacedCodes:
        """The cases that know the attribute, under the sets of its values."""
        known = codes.take(self.known[codes.set_ids])
        return replace(known, set_ids=self._own_set[known.set_ids].astype(np.int32))

    def shared(self) -> np.ndarray:
        """Whether two label sets share a value: bool, (S, S)."""
        return (self.of_sets.astype(np.int16) @ self.of_sets.T.astype(np.int16)) > 0


def attribute_figures(
    queries: PlacedCodes,
    gallery: PlacedCodes,
    relevance: AttributeRelevance,
    n_samples: int,
    seed: int,
    threads: int | None,
) -> AttributeFigures | None:
    """Figures of the queries that know the attribute among the gallery that does; None where none is answerable."""
    queries, gallery = relevance.of(queries), relevance.of(gallery)
    if not len(queries) or not len(gallery):
        return None
    ranked = rank_by_hamming(queries, gallery, relevance.levels, threads)
    exchanged = exchanged_map(queries, gallery, relevance.levels, seed)
    return figures_of(
        ranked, ranked, np.ones(len(queries), bool), queries.patient_ids, len(gallery), exchanged, n_samples, seed
    )


def figures_of(
    ranked: Ranked,
    graded: Ranked,
    chosen: np.ndarray,
    patients: np.ndarray,
    n_gallery: int,
    exchanged: float,
    n_samples: int,
    seed: int,
) -> AttributeFigures | None:
    """Figures of the chosen queries, bool (Q,); None where none of them is answerable.

    graded: the same queries where relevance has the levels that NDCG counts.
    """
    kept = chosen & ranked.answerable
    if not kept.any():
        return None
    found, chance = ranked.per_query.take(kept), ranked.chance.take(kept)
    ((low, high),) = patient_bootstrap(found.ap_expected[:, None], patients[kept], n_samples, seed)
    value = float(found.ap_expected.mean())
    return AttributeFigures(
        n_queries=int(kept.sum()),
        n_gallery=n_gallery,
        map=value,
        chance_map=float(chance.ap_expected.mean()),
        exchanged_map=exchanged,
        ndcg_at_100=float(np.nanmean(graded.per_query.ndcg_at_100[kept])),
        chance_ndcg_at_100=float(np.nanmean(graded.chance.ndcg_at_100[kept])),
        precision_at_10=float(found.precision_at_10.mean()),
        interval=Interval(value=value, low=float(low), high=float(high)),
    )
