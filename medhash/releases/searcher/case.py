"""A case as it asks: the bytes of one image file or of several, decoded as the gallery's images were."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from medhash.archives.decode import decode_bytes
from medhash.archives.integrity import Unreadable
from medhash.core.errors import MedhashError
from medhash.releases.release import Preprocessing

MAX_CASE_IMAGES = 64
"""Images, or parts that they are cut into, of one case; the largest bag that a gallery can hold."""


@dataclass(frozen=True)
class Case:
    """m images, or parts of them, in the order of their files."""

    pixels: np.ndarray
    """uint8, (m, C, S, S)"""
    image_of: np.ndarray
    """int64, (m,): number of the file that each is of, counted from 1."""
    repeated: tuple[int, ...]
    """Numbers of the files that are, byte for byte, one given before: they count once, so have no pixels here."""

    @property
    def starts(self) -> np.ndarray:
        """The one bag they make, as HashModel takes it."""
        return np.array([0, len(self.pixels)], np.int64)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the files that count."""
        return sorted(set(self.image_of.tolist()))


def decode_case(images: Iterable[bytes], names: Sequence[str], preprocessing: Preprocessing) -> Case:
    """Decode PNG, JPEG or DICOM files, one at a time.

    names: what an error calls each of them. Raises MedhashError if one cannot be read, there is none, or there are
    more than MAX_CASE_IMAGES images and parts together.
    """
    if not 1 <= len(names) <= MAX_CASE_IMAGES:
        raise MedhashError(
            f"{len(names)} images were given as one case; it has 1 to {MAX_CASE_IMAGES}",
            "give the images of one case per query",
        )
    preparation = preprocessing.preparation()
    pixels: list[np.ndarray] = []
    image_of: list[int] = []
    repeated: list[int] = []
    seen: set[bytes] = set()
    for number, (image, name) in enumerate(zip(images, names, strict=True), 1):
        digest = hashlib.sha256(image).digest()
        if digest in seen:
            repeated.append(number)
            continue
        seen.add(digest)
        try:
            parts = decode_bytes(image, preparation).pixels
        except Unreadable as error:
            raise MedhashError(
                f"{name} cannot be read: {error.reason}, {error.detail}",
                "give a complete PNG, JPEG or PGM file, or a DICOM file of one frame"
                + (", in colour" if preparation.channels == 3 else ""),
            ) from error
        pixels.append(parts)
        image_of += [number] * len(parts)
        if len(image_of) > MAX_CASE_IMAGES:
            raise MedhashError(
                f"the case has more than {MAX_CASE_IMAGES} images"
                + (f" and parts: each is cut into up to {preparation.grid**2}" if preparation.grid else ""),
                "give fewer images of the case",
            )
    return Case(np.concatenate(pixels), np.array(image_of, np.int64), tuple(repeated))


def names_of(n_images: int) -> list[str]:
    """What errors call the images of a case that is asked by itself: never by a file's name, which may say whose."""
    return ["the image"] if n_images == 1 else [f"image {number} of {n_images}" for number in range(1, n_images + 1)]
