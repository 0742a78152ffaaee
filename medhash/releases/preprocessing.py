"""What is done to the bytes of an image before a released model sees it: the same for its gallery and its queries."""

from typing import Literal

import numpy as np

from medhash.archives.decode import DECODER
from medhash.archives.preparation import Preparation
from medhash.core.arrays import open_array
from medhash.core.documents import Document
from medhash.core.params import Params
from medhash.core.workspace import Workspace


class Preprocessing(Document):
    """Part of release.json."""

    size_px: int
    max_image_pixels: int
    """An image that declares more is refused before it is decoded."""
    channels: Literal[1, 3]
    grid: int
    """Tiles per side that a file is cut into; 0 takes it whole."""
    stain: Literal["none", "macenko"]
    decoder: str
    """medhash.archives.decode.DECODER of the code that decoded the gallery."""
    prepared: str
    """Preparation.key() of that code: which versions of cutting and of stains; empty for grey whole images."""

    def preparation(self) -> Preparation:
        return Preparation(self.size_px, self.max_image_pixels, self.channels, self.grid, self.stain)


def preprocessing_today(workspace: Workspace, params: Params) -> Preprocessing:
    """How the images in the pixel store were made, and queries are to be. Raises MedhashError if there is no store."""
    pixels: np.ndarray = open_array(workspace.pixels, "ingest")
    cut = params.ingest.cut
    today = Preprocessing(
        size_px=pixels.shape[-1],
        max_image_pixels=params.ingest.max_image_pixels,
        channels=3 if pixels.shape[1] == 3 else 1,
        grid=0 if cut.into == "whole" else cut.grid,
        stain=params.ingest.stain,
        decoder=DECODER,
        prepared="",
    )
    return today.model_copy(update={"prepared": today.preparation().key()})
