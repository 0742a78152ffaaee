"""Expectations of the index: the gallery's codes, each at its own bag, found by a search for itself."""

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from components.quality.inspection import Inspection
from medhash.core.errors import MedhashError
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.retrieval.code_table import read_codes, unpacked_bytes
from medhash.retrieval.index import GALLERY_FOLDS, Index, load_index, search

_SEARCHES = 200
"""Searches for itself, spread evenly over the entries."""


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """For every method: the index's files and its entries against the code table."""
    return [inspection for method in params.methods for inspection in _method(workspace, params, method)]


def _method(workspace: Workspace, params: Params, method: str) -> list[Inspection]:
    table = read_codes(workspace.codes(method))
    in_gallery = np.isin(table["fold"].to_numpy(), GALLERY_FOLDS)
    bag_ids, codes = table["bag_id"].to_numpy()[in_gallery], unpacked_bytes(table["code"].combine_chunks())[in_gallery]
    problem, bits, n_entries, entries = "", 8 * codes.shape[1], len(codes), None
    try:
        index = load_index(workspace.index(method))
        bits, n_entries = index.info.bits, index.info.n
        if bits == 8 * codes.shape[1]:
            entries = _entries(index, dict(zip(bag_ids, codes, strict=True)))
    except MedhashError as error:
        problem = error.problem.replace(f"{workspace.root}/", "")
    inspections = [
        Inspection(
            method,
            pd.DataFrame({"row": [f"{method} index"], "problem": [problem], "bits": [bits], "entries": [n_entries]}),
            {
                "the index's files are whole and fit each other": gxe.ExpectColumnValuesToBeInSet(
                    column="problem", value_set=[""]
                ),
                "it has the bits of params.yaml": gxe.ExpectColumnValuesToBeInSet(
                    column="bits", value_set=[params.bits]
                ),
                "as many entries as gallery codes": gxe.ExpectColumnValuesToBeInSet(
                    column="entries", value_set=[len(codes)]
                ),
            },
        )
    ]
    if entries is not None:
        inspections.append(
            Inspection(
                f"{method} entries",
                entries,
                {
                    "every entry is a bag of the gallery, once": gxe.ExpectColumnValuesToBeInSet(
                        column="standing", value_set=["once"]
                    ),
                    "the code at its position is its own": gxe.ExpectColumnValuesToBeInSet(
                        column="own_code", value_set=[True]
                    ),
                    f"a search for its code finds it at distance 0 ({_SEARCHES} searches)": gxe.ExpectColumnValuesToBeInSet(
                        column="distance", value_set=[0]
                    ),
                },
            )
        )
    return inspections


def _entries(index: Index, codes: dict[str, np.ndarray]) -> pd.DataFrame:
    """A row per entry; entries that were not searched for count as found."""
    bag_ids = pd.Series(index.bag_ids.to_pylist())
    known = bag_ids.isin(list(codes))
    twice = bag_ids.duplicated(keep=False)
    stored = index.faiss_index.reconstruct_n(0, index.info.n)  # uint8 (n, bits / 8)
    own = [
        not is_known or bool((stored[position] == codes[bag_id]).all())
        for position, (bag_id, is_known) in enumerate(zip(bag_ids, known, strict=True))
    ]
    distance = np.zeros(len(bag_ids), int)
    for position in np.unique(np.linspace(0, len(bag_ids) - 1, min(_SEARCHES, len(bag_ids))).astype(int)):
        if known[position]:
            distance[position] = search(index, codes[bag_ids[position]], 1)[0].distance
    return pd.DataFrame(
        {
            "row": "bag " + bag_ids,
            "own_code": own,
            "distance": distance,
            "standing": np.select([~known, twice], ["not in the gallery", "more than once"], "once"),
        }
    )
