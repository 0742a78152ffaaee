"""Which codes the t-SNE picture shows: a seeded draw of test and gallery cases of the best method."""

from typing import Any

import numpy as np

from components.index.code_table import read_codes, unpacked_bytes
from components.report.plots.code_map import code_map
from components.report.run import Run

MOST_CODES = 1000
FEWEST_CODES = 8


def codes_view(run: Run) -> dict[str, Any]:
    """The picture and how many codes it shows; no picture for fewer than eight codes."""
    table = read_codes(run.workspace.codes(run.best))
    folds = np.array(table["fold"].to_pylist())
    random = np.random.default_rng(run.params.seed)
    test, gallery = (random.permutation(np.flatnonzero(member)) for member in (folds == "test", folds != "test"))
    n_test = min(len(test), max(MOST_CODES // 2, MOST_CODES - len(gallery)))
    rows = np.sort(np.concatenate([test[:n_test], gallery[: MOST_CODES - n_test]]))
    if len(rows) < FEWEST_CODES:
        return {"uri": "", "n_codes": len(rows)}
    chosen = table.take(rows)
    codes = unpacked_bytes(chosen["code"].combine_chunks())
    set_of = dict(zip(run.labels["bag_id"].to_pylist(), run.labels["set_id"].to_pylist(), strict=True))
    names = run.names_of_sets()
    labels = [names[set_of[bag_id]] for bag_id in chosen["bag_id"].to_pylist()]
    return {"uri": code_map(codes, labels, run.params.seed), "n_codes": len(rows)}
