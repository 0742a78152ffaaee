"""Relevance of label sets to each other: shared labels and Jaccard index of every ordered pair."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.contracts import SIMILARITY


def compare_sets(label_sets: pa.Table) -> pa.Table:
    """Contract SIMILARITY of contract LABEL_SETS, sorted by (set_a, set_b).

    level r_ab = |Y_a ∩ Y_b| = (M Mᵀ)_ab for the 0/1 matrix M (sets, labels); jaccard = r_ab / |Y_a ∪ Y_b|, 0 for
    two empty sets. Exact for images too, since an image's relevance depends on its set alone. The table of all
    image pairs would be 20,000 times as large on ChestX-ray14.
    """
    lists = label_sets["labels"].combine_chunks()
    members = np.asarray(pc.list_flatten(lists))
    n_sets = label_sets.num_rows
    matrix = np.zeros((n_sets, int(members.max(initial=-1)) + 1))  # float: the product runs in BLAS, sums are exact
    matrix[np.asarray(pc.list_parent_indices(lists)), members] = 1
    level = matrix @ matrix.T  # (sets, sets)
    size = matrix.sum(axis=1)
    union = size[:, None] + size[None, :] - level
    jaccard = np.divide(level, union, out=np.zeros_like(level), where=union > 0)
    set_ids = label_sets["set_id"].to_numpy()
    return pa.table(
        {
            "set_a": np.repeat(set_ids, n_sets),
            "set_b": np.tile(set_ids, n_sets),
            "level": level.ravel().astype(np.int16),
            "jaccard": jaccard.ravel(),
        }
    ).cast(SIMILARITY)
