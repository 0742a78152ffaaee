"""Figures of labels that combine attributes: per attribute, per sub-code, by preference, for unseen combinations."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from medhash.core.attributes import targets
from medhash.core.documents import Attribute, AttributeFigures, Interval, Satisfaction, StructuredFigures
from medhash.core.params import EvaluateParams
from medhash.retrieval.code_table import PlacedCodes, code_info
from medhash.retrieval.evaluation.calibration import calibrations
from medhash.retrieval.evaluation.galleries import exchanged_map
from medhash.retrieval.evaluation.ranked import Ranked, rank_by_hamming
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.measures.bootstrap import patient_bootstrap
from medhash.retrieval.measures.hamming import hamming_distances
from medhash.retrieval.measures.histogram import OwnPatientPairs
from medhash.retrieval.measures.precision import precision_at_k
from medhash.retrieval.measures.threads import map_ranges


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
    permuted = exchanged_map(queries, gallery, relevance.levels, seed)
    return figures_of(
        ranked, ranked, np.ones(len(queries), bool), queries.patient_ids, len(gallery), permuted, n_samples, seed
    )


def figures_of(
    ranked: Ranked,
    graded: Ranked,
    chosen: np.ndarray,
    patients: np.ndarray,
    n_gallery: int,
    permuted: float,
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
        exchanged_map=permuted,
        ndcg_at_100=float(np.nanmean(graded.per_query.ndcg_at_100[kept])),
        chance_ndcg_at_100=float(np.nanmean(graded.chance.ndcg_at_100[kept])),
        precision_at_10=float(found.precision_at_10.mean()),
        interval=Interval(value=value, low=float(low), high=float(high)),
    )


SATISFACTION_K = 10
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
            found[place] = [precision_at_k(_histogram(keys, match, n), SATISFACTION_K)[0] for keys, n in orders]
        return found

    ranges = [(start, min(start + _QUERIES, len(asked))) for start in range(0, len(asked), _QUERIES)]
    plain, preferred, chance = np.concatenate(map_ranges(counted, ranges, threads)).mean(axis=0).tolist()
    return Satisfaction(
        k=SATISFACTION_K,
        n_queries=len(asked),
        plain=plain,
        preferred=None if bits is None else preferred,
        chance=chance,
    )


def sub_code(codes: np.ndarray, bits: slice) -> np.ndarray:
    """Some bits of packed codes, packed anew: uint8 (N, ⌈bits / 8⌉), filled up with zeros."""
    packed: np.ndarray = np.packbits(np.unpackbits(codes, axis=1)[:, bits], axis=1)
    return packed


def _histogram(keys: np.ndarray, match: np.ndarray, n_keys: int) -> np.ndarray:
    """How many items have each key, without and with a match: int64, (1, n_keys, 2)."""
    return np.bincount(2 * keys + match, minlength=2 * n_keys).reshape(1, n_keys, 2)


SEEN, HELD_OUT = "seen", "held out"


def structured_figures(
    codes: pa.Table,
    placed: PlacedCodes,
    ranked: Ranked,
    tables: Tables,
    settings: EvaluateParams,
    seed: int,
    threads: int | None,
) -> StructuredFigures | None:
    """Document StructuredFigures of test queries against train and val; None where labels combine no attributes.

    codes, placed: the code table in bag_id order, and it with its folds and label sets; ranked: its test queries.
    """
    attributes = tables.vocabulary.attributes
    if not attributes:
        return None
    carried = carried_by_sets(tables)
    relevances = {attribute.name: AttributeRelevance(attribute, carried) for attribute in attributes}
    queries, gallery = placed.of_folds("test"), placed.of_folds("train", "val")
    agreeing = np.sum([relevance.shared() for relevance in relevances.values()], axis=0).astype(np.int16)
    graded = rank_by_hamming(queries, gallery, agreeing, threads)
    levels = tables.level_matrix()

    def joint(chosen: np.ndarray) -> AttributeFigures | None:
        asked = queries.take(chosen)
        permuted = exchanged_map(asked, gallery, levels, seed) if len(asked) else float("nan")
        return figures_of(
            ranked, graded, chosen, queries.patient_ids, len(gallery), permuted, settings.bootstrap_samples, seed
        )

    def by_attribute(of_queries: PlacedCodes, of_gallery: PlacedCodes) -> dict[str, AttributeFigures | None]:
        return {
            name: attribute_figures(of_queries, of_gallery, relevance, settings.bootstrap_samples, seed, threads)
            for name, relevance in relevances.items()
        }

    seen = ~unseen_sets(tables, carried)[queries.set_ids]
    ranges = {
        part.name: slice(part.start, part.stop) for part in code_info(codes.schema).sub_codes if part.name in relevances
    }
    preferences = {
        name: satisfaction(queries, gallery, ranges.get(name), relevance, threads)
        for name, relevance in relevances.items()
    }
    return StructuredFigures(
        joint=joint(np.ones(len(queries), bool)),
        attributes=by_attribute(queries, gallery),
        sub_codes={
            name: by_attribute(
                queries.with_codes(sub_code(queries.codes, bits)), gallery.with_codes(sub_code(gallery.codes, bits))
            )
            for name, bits in ranges.items()
        },
        preference={name: found for name, found in preferences.items() if found is not None},
        combinations={name: joint(chosen) for name, chosen in ((SEEN, seen), (HELD_OUT, ~seen)) if chosen.any()},
        calibration=calibrations(codes, placed, attributes, carried),
    )


def unseen_sets(tables: Tables, carried: np.ndarray) -> np.ndarray:
    """Label sets none of whose combinations the train fold holds: bool, (S,); the empty set is none of them."""
    trained = np.array([tables.vocabulary.n_bags[label]["train"] > 0 for label in tables.vocabulary.labels])
    unseen: np.ndarray = carried.any(axis=1) & ~(carried & trained).any(axis=1)
    return unseen


def carried_by_sets(tables: Tables) -> np.ndarray:
    """The combinations of each label set: bool, (S, L)."""
    carried = np.zeros((tables.label_sets.num_rows, len(tables.vocabulary.labels)), dtype=bool)
    for set_id, labels in tables.labels_by_set().items():
        carried[set_id, labels] = True
    return carried
