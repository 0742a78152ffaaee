"""A release at work: the bytes of an image in, its nearest gallery images out."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.errors import MedhashError
from components.hashing.codes import binarise
from components.hashing.model import HashModel, load_model
from components.index.search import Index, load_index, search
from components.ingest.decode import decode_bytes
from components.ingest.integrity import Unreadable
from components.params import IngestParams
from components.promote.release import LabelSets


class Answer(NamedTuple):
    image_id: str
    distance: int
    """Bits in which its code differs from the query's."""
    labels: list[str]


class LoadedRelease:
    """Model and index of a release folder, in memory."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.model: HashModel = load_model(folder / "model", device)
        self.index: Index = load_index(folder / "index")
        self.label_sets: list[list[str]] = LabelSets.read(folder / "labels.json").sets

    def code(self, image: bytes) -> np.ndarray:
        """The code of a PNG, JPEG or DICOM file, uint8 (bits/8,). Raises MedhashError if it cannot be read."""
        try:
            decoded = decode_bytes(image, self.model.spec.size_px, IngestParams().max_image_pixels)
        except Unreadable as error:
            raise MedhashError(f"the image cannot be read: {error.reason}, {error.detail}",
                               "give a complete PNG or JPEG file, or a DICOM file of one frame") from error
        return binarise(self.model.relaxed_pixels(decoded.pixels[np.newaxis]))[0]

    def nearest(self, image: bytes, k: int = 5) -> list[Answer]:
        """The k nearest gallery images by (distance, image_id)."""
        return [Answer(found.image_id, found.distance, self.label_sets[found.set_id])
                for found in search(self.index, self.code(image), k)]
