"""Example queries of the best method with their five nearest gallery cases: where it does well, where it fails."""

from typing import Any

import pyarrow.compute as pc

from components.index.code_table import read_codes, unpacked_bytes
from components.index.search import load_index, search
from components.report.pictured import Pictured
from components.report.run import Run
from components.report.structured.agreement import agreement
from components.shortcuts.classes import values_by_set

N_NEIGHBOURS = 5
N_EXAMPLES = 4


def retrievals(run: Run) -> dict[str, Any]:
    """`good` and `bad`: the queries with the highest and the lowest average precision, with their neighbours.

    Each comes from its own half of the ranking, so that few queries are not all called good. Only queries to which
    something is relevant; one per patient and, as far as they reach, one per label set, so that the pictures are not
    four of a kind. Empty lists where the pixel store is not there. `weighs`: whether the images of cases have
    weights; `lacks_matches`: whether it is unknown which image of a case carried the match.
    """
    if not run.workspace.pixels.exists():
        return {"good": [], "bad": [], "weighs": False, "lacks_matches": False}
    gallery = _Gallery(run)
    scored = (
        run.queries.filter(pc.greater(run.queries["n_relevant"], 0))
        .select(["bag_id", "patient_id", "ap_expected", "n_relevant"])
        .to_pylist()
    )
    ordered = sorted(scored, key=lambda query: (-query["ap_expected"], query["bag_id"]))
    n_better = (len(ordered) + 1) // 2
    good = _varied(ordered[:n_better], gallery.set_of)
    bad = _varied(ordered[n_better:][::-1], gallery.set_of)
    return {
        "good": [gallery.example(query) for query in good],
        "bad": [gallery.example(query) for query in bad],
        "weighs": gallery.pictured.weighs,
        "lacks_matches": run.has_bags and not gallery.pictured.tells_matches,
    }


def _varied(ordered: list[dict[str, Any]], set_of: dict[str, int]) -> list[dict[str, Any]]:
    """The first few queries of different patients, those of a label set not seen yet before others."""
    chosen: list[dict[str, Any]] = []
    for new_sets_only in (True, False):
        for query in ordered:
            sets = {set_of[other["bag_id"]] for other in chosen}
            patients = {other["patient_id"] for other in chosen}
            fresh = query["patient_id"] not in patients and not (new_sets_only and set_of[query["bag_id"]] in sets)
            if len(chosen) < N_EXAMPLES and fresh:
                chosen.append(query)
    return chosen


class _Gallery:
    """The index that queries search, and the codes, labels and pictures of cases by their id."""

    def __init__(self, run: Run) -> None:
        table = read_codes(run.workspace.codes(run.best))
        self.index = load_index(run.workspace.index(run.best))
        self.codes = dict(zip(table["bag_id"].to_pylist(), unpacked_bytes(table["code"].combine_chunks()), strict=True))
        self.set_of = dict(zip(run.labels["bag_id"].to_pylist(), run.labels["set_id"].to_pylist(), strict=True))
        self.names = run.names_of_sets()
        self.by_set = values_by_set(run.label_sets, run.vocabulary)
        self.pictured = Pictured(run, table)

    def example(self, query: dict[str, Any]) -> dict[str, Any]:
        bag_id = query["bag_id"]
        labels = self.names[self.set_of[bag_id]]
        found = search(self.index, self.codes[bag_id], N_NEIGHBOURS, query["patient_id"])
        pairs = [self.pictured.pair(bag_id, neighbour.bag_id) for neighbour in found]
        neighbours = [
            self._tile(neighbour.bag_id, [pair.second] if pair else [])
            | {
                "distance": neighbour.distance,
                "matched": pair
                and {"query_image": pair.first + 1, "image": pair.second + 1, "distance": pair.distance},
                "shared": [name for name in self.names[neighbour.set_id] if name in labels],
                "agrees": agreement(self.by_set, self.set_of[bag_id], neighbour.set_id),
            }
            for neighbour, pair in zip(found, pairs, strict=True)
        ]
        return {
            "query": self._tile(bag_id, [pair.first for pair in pairs if pair]),
            "ap": query["ap_expected"],
            "n_relevant": query["n_relevant"],
            "neighbours": neighbours,
        }

    def _tile(self, bag_id: str, matched: list[int]) -> dict[str, Any]:
        return {"bag_id": bag_id, "labels": self.names[self.set_of[bag_id]], **self.pictured.tile(bag_id, matched)}
