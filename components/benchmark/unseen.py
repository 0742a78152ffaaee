"""How far rows lie apart on combinations that nobody trained on, query by query."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.benchmark.items import Asked
from components.benchmark.results import Measured
from components.benchmark.sets import SetWorkspace
from components.evaluate.compare import compare
from components.evaluate.structured import carried_by_sets, unseen_sets
from components.evaluate.tables import Tables
from components.params import Params


def unseen_sentences(workspace: SetWorkspace, asked: Asked, results: Sequence[Measured], params: Params) -> list[str]:
    """A sentence per row and code length on how far it lies below the best row, with its interval; none without any
    combination that is held out."""
    held_out = held_out_cases(workspace)
    if not len(held_out):
        return []
    sentences = []
    for bits in asked.bits:
        found = {
            result.row.name: queries
            for result in results
            if result.bits == bits and result.queries is not None and len(queries := _of(result.queries, held_out))
        }
        means = {name: float(np.nanmean(queries["ap_expected"].to_numpy())) for name, queries in found.items()}
        if len(means) < 2:
            continue
        best = max(means, key=means.__getitem__)
        for name in sorted(means.keys() - {best}, key=means.__getitem__, reverse=True):
            apart = compare(found[name], found[best], params.evaluate.bootstrap_samples, params.seed)["map"]
            sentences.append(
                f"Held-out combinations, {bits} bits: {name} lies {apart.value:+.3f} "
                f"[{apart.low:+.3f}, {apart.high:+.3f}] from {best} in MAP ({means[best]:.3f})"
            )
    return sentences


def held_out_cases(workspace: SetWorkspace) -> pa.Array:
    """Bag ids of the cases whose combinations stand in no training case; empty where labels combine nothing."""
    tables = Tables.read(workspace)
    if not tables.vocabulary.attributes:
        return pa.array([], pa.string())
    unseen = unseen_sets(tables, carried_by_sets(tables))
    return tables.labels.filter(pa.array(unseen[tables.labels["set_id"].to_numpy()]))["bag_id"].combine_chunks()


def _of(queries: pa.Table, bag_ids: pa.Array) -> pa.Table:
    return queries.filter(pc.is_in(queries["bag_id"], value_set=bag_ids)).filter(pc.greater(pc.field("n_relevant"), 0))
