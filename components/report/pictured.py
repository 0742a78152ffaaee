"""Cases in pictures: their images small, the one that carried a match marked, and how much of the code each is."""

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from components.errors import MedhashError
from components.hashing.model import HashModel, load_model
from components.index.code_table import code_info
from components.index.matching import KeptCodes, Pair, nearest_pair
from components.report.plots.pictures import LONGEST_PX, LONGEST_THUMB_PX, picture
from components.report.run import Run

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
