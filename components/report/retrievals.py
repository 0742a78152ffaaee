"""Example queries of the best method, of highest and lowest average precision, with their five nearest neighbours."""

import base64
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.report.run import Run
from medhash.core.errors import MedhashError
from medhash.hashing.model import HashModel, load_model
from medhash.retrieval.code_table import code_info, read_codes, unpacked_bytes
from medhash.retrieval.index import KeptCodes, Pair, load_index, nearest_pair, search
from medhash.retrieval.shortcuts import values_by_set

LONGEST_PX, LONGEST_THUMB_PX = 160, 80


def picture(pixels: np.ndarray, longest_px: int = LONGEST_PX) -> str:
    """One image of the pixel store, uint8 (channels, height, width) with 1 or 3 channels (RGB), as a data: URI."""
    image = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels[:3].transpose(1, 2, 0)[..., ::-1])
    longest = max(image.shape[:2])
    if longest > longest_px:
        scale = longest_px / longest
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".png", image)
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode()


SAME, OTHER, NOT_KNOWN = "✓", "✗", "–"


def agreement(by_set: Mapping[str, np.ndarray], first: int, second: int) -> list[tuple[str, str]]:
    """Attribute and mark: whether two label sets share a value of it, or one of them does not know it.

    by_set: attribute → bool, (S, V), which values each label set has; first, second: set_id.
    """
    return [(attribute, _mark(has[first], has[second])) for attribute, has in by_set.items()]


def _mark(first: np.ndarray, second: np.ndarray) -> str:
    if not (first.any() and second.any()):
        return NOT_KNOWN
    return SAME if (first & second).any() else OTHER


MOST_IMAGES = 6
"""Images of a case that are shown; the others are counted."""


class Pictured:
    """The images of the cases of a run, with what the best method makes of each.

    The codes of single images are those of the code table, or where it keeps none, computed anew with the model, which
    is then loaded: of cases of several images only.
    """

    def __init__(self, run: Run, codes: pa.Table) -> None:
        self._run, self._codes, self._table = run, codes, run.workspace.codes(run.best)
        self._kept = KeptCodes(codes)
        self._pixels: np.ndarray = np.load(run.workspace.pixels, mmap_mode="r")
        self._place_of = {bag_id: place for place, bag_id in enumerate(run.members.bag_ids.tolist())}
        self._of_images: dict[str, np.ndarray] = {}
        self._has_model = run.best in run.specs
        self.tells_matches = bool(self._kept) or self._has_model
        """Whether codes of single images are known."""
        self.weighs = self._has_model and run.specs[run.best].network.get("pooling") == "attention" and run.has_bags
        """Whether the model weighs the images of a case."""

    def pair(self, first: str, second: str) -> Pair | None:
        """Which image of the first case matched which of the second; None for two cases of one image, and where the
        codes of single images are not known."""
        n_first, n_second = len(self._rows(first)), len(self._rows(second))
        if not self.tells_matches or min(n_first, n_second) == 0 or n_first == n_second == 1:
            return None
        return nearest_pair(self._codes_of(first), self._codes_of(second))

    def tile(self, bag_id: str, matched: list[int]) -> dict[str, Any]:
        """`images`: up to six of the case, those that matched among them, and `n_more` that are not shown.

        matched: places of the images that matched. Of each image `number` in its case, `uri`, `is_match`, and `weight`
        in per cent, None where the model does not weigh.
        """
        rows = self._rows(bag_id)
        places = sorted([*dict.fromkeys([*matched, *range(len(rows))])][:MOST_IMAGES])
        weights = self._weights(rows) if self.weighs and len(rows) > 1 else None
        longest_px = LONGEST_PX if len(rows) == 1 else LONGEST_THUMB_PX
        images = [
            {
                "number": place + 1,
                "uri": picture(self._pixels[rows[place]], longest_px),
                "is_match": place in matched,
                "weight": None if weights is None else 100 * float(weights[place]),
            }
            for place in places
        ]
        return {"images": images, "n_more": len(rows) - len(places), "n_images": len(rows)}

    def _rows(self, bag_id: str) -> np.ndarray:
        """Rows of the pixel store, in image_id order; none of a case whose pixels are not there."""
        return self._run.members.rows[self._span(bag_id)]

    def _span(self, bag_id: str) -> slice:
        place, starts = self._place_of.get(bag_id), self._run.members.starts
        return slice(0, 0) if place is None else slice(starts[place], starts[place + 1])

    def _codes_of(self, bag_id: str) -> np.ndarray:
        if bag_id not in self._of_images:
            kept, rows = self._kept.of(bag_id), self._rows(bag_id)
            if kept is not None and kept.image_ids != self._run.members.image_ids[self._span(bag_id)].tolist():
                raise MedhashError(
                    f"{self._table} has codes of other images of bag {bag_id} than images.parquet",
                    f"run encode again for {self._run.best}, or `dvc repro`",
                )
            self._of_images[bag_id] = (
                kept.codes
                if kept is not None
                else self._model.codes(self._pixels[rows], np.array([0, len(rows)])).instances
            )
        return self._of_images[bag_id]

    def _weights(self, rows: np.ndarray) -> np.ndarray | None:
        return self._model.attention(self._pixels[rows], np.array([0, len(rows)]))

    @cached_property
    def _model(self) -> HashModel:
        folder = self._run.workspace.model(self._run.best)
        model = load_model(folder)
        if model.digest != code_info(self._codes.schema, str(self._table)).model_digest:
            raise MedhashError(
                f"{self._table} comes from another model than {folder} holds",
                f"run encode again for {self._run.best}, or `dvc repro`",
            )
        if model.spec.family != "shallow":
            import torch

            torch.set_num_threads(self._run.params.train.threads)  # as encode does: the same bits come out
        return model


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
