"""A release at work: the bytes of an image in, its nearest gallery images out."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.errors import MedhashError
from components.hashing.codes import binarise
from components.hashing.model import HashModel, load_model
from components.index.search import Index, load_index, search
from components.ingest.decode import DECODER, decode_bytes
from components.ingest.integrity import Unreadable
from components.promote.release import LABELS_FILE, LabelSets, Release, read_release


class Answer(NamedTuple):
    image_id: str
    distance: int
    """Bits in which its code differs from the query's."""
    labels: list[str]


class LoadedRelease:
    """Model and index of a release folder, in memory; the folder may go once it is loaded.

    Raises MedhashError if the release is of another format, or its images were decoded in another way than this code
    decodes queries.
    """

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.release: Release = read_release(folder)
        require_decoder(self.release)
        self.model: HashModel = load_model(folder / "model", device)
        self.index: Index = load_index(folder / "index")
        self.label_sets: list[list[str]] = LabelSets.read(folder / LABELS_FILE).sets

    def pixels(self, image: bytes) -> np.ndarray:
        """A PNG, JPEG or DICOM file as the gallery's were decoded: uint8 (1, S, S).

        Raises MedhashError, which does not name the file, if it cannot be read.
        """
        preprocessing = self.release.preprocessing
        try:
            return decode_bytes(image, preprocessing.size_px, preprocessing.max_image_pixels).pixels
        except Unreadable as error:
            raise MedhashError(f"the image cannot be read: {error.reason}, {error.detail}",
                               "give a complete PNG or JPEG file, or a DICOM file of one frame") from error

    def code(self, pixels: np.ndarray) -> np.ndarray:
        """The code of decoded pixels, uint8 (1, S, S): uint8 (bits/8,)."""
        return binarise(self.model.relaxed_pixels(pixels[np.newaxis]))[0]

    def nearest(self, image: bytes, k: int = 5, exclude_patient: str | None = None) -> list[Answer]:
        """The k nearest gallery images by (distance, image_id), without those of a patient (pseudonym)."""
        return [Answer(found.image_id, found.distance, self.label_sets[found.set_id])
                for found in search(self.index, self.code(self.pixels(image)), k, exclude_patient)]


def require_decoder(release: Release) -> None:
    """Raise MedhashError if this code decodes images into other pixels than the release's gallery was made of.

    The first word of the decoder's version counts; other versions of the libraries after it decode the same files, of
    lossy ones at most single grey values apart.
    """
    made, here = release.preprocessing.decoder, DECODER
    if made.split(" ")[0] != here.split(" ")[0]:
        raise MedhashError(f"the release of {release.method} was made with decoder {made}, but this code decodes with "
                           f"{here}: the same image would get other pixels", "run the pipeline and promote again with "
                           "this version of medhash, or search with the one the release was made with")
