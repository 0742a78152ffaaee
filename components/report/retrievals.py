"""Example queries of the best method with their five nearest gallery images: where it does well, where it fails."""

from typing import Any

import numpy as np
import pyarrow.compute as pc

from components.index.code_table import read_codes, unpacked_bytes
from components.index.search import load_index, search
from components.report.plots.pictures import picture
from components.report.run import Run

N_NEIGHBOURS = 5
N_EXAMPLES = 4


def retrievals(run: Run) -> dict[str, list[dict[str, Any]]]:
    """`good` and `bad`: the queries with the highest and the lowest average precision, with their neighbours.

    Only queries to which something is relevant; one per patient and, as far as they reach, one per label set, so
    that the pictures are not four of a kind. Empty lists where the pixel store is not there.
    """
    if not run.workspace.pixels.exists():
        return {"good": [], "bad": []}
    gallery = _Gallery(run)
    scored = run.queries.filter(pc.greater(run.queries["n_relevant"], 0)).select(
        ["image_id", "patient_id", "ap_expected", "n_relevant"]).to_pylist()
    ordered = sorted(scored, key=lambda query: (-query["ap_expected"], query["image_id"]))
    good = _varied(ordered, gallery.set_of)
    bad = _varied([query for query in reversed(ordered) if query not in good], gallery.set_of)
    return {"good": [gallery.example(query) for query in good], "bad": [gallery.example(query) for query in bad]}


def _varied(ordered: list[dict[str, Any]], set_of: dict[str, int]) -> list[dict[str, Any]]:
    """The first few queries of different patients, those of a label set not seen yet before others."""
    chosen: list[dict[str, Any]] = []
    for new_sets_only in (True, False):
        for query in ordered:
            sets = {set_of[other["image_id"]] for other in chosen}
            patients = {other["patient_id"] for other in chosen}
            fresh = query["patient_id"] not in patients and not (new_sets_only and set_of[query["image_id"]] in sets)
            if len(chosen) < N_EXAMPLES and fresh:
                chosen.append(query)
    return chosen


class _Gallery:
    """The index that queries search, and the codes, labels and pixels of images by their id."""

    def __init__(self, run: Run) -> None:
        table = read_codes(run.workspace.codes(run.best))
        self.index = load_index(run.workspace.index(run.best))
        self.codes = dict(zip(table["image_id"].to_pylist(), unpacked_bytes(table["code"].combine_chunks()),
                              strict=True))
        self.set_of = dict(zip(run.labels["image_id"].to_pylist(), run.labels["set_id"].to_pylist(), strict=True))
        self.names = run.names_of_sets()
        self.pixel_row = dict(zip(run.images["image_id"].to_pylist(), run.images["pixel_row"].to_pylist(),
                                  strict=True))
        self.pixels = np.load(run.workspace.pixels, mmap_mode="r")

    def example(self, query: dict[str, Any]) -> dict[str, Any]:
        labels = self.names[self.set_of[query["image_id"]]]
        found = search(self.index, self.codes[query["image_id"]], N_NEIGHBOURS, query["patient_id"])
        neighbours = [self._tile(neighbour.image_id) | {
            "distance": neighbour.distance,
            "shared": [name for name in self.names[neighbour.set_id] if name in labels]} for neighbour in found]
        return {"query": self._tile(query["image_id"]), "ap": query["ap_expected"],
                "n_relevant": query["n_relevant"], "neighbours": neighbours}

    def _tile(self, image_id: str) -> dict[str, Any]:
        row = self.pixel_row[image_id]
        return {"image_id": image_id, "labels": self.names[self.set_of[image_id]],
                "uri": picture(self.pixels[row]) if row is not None else ""}
