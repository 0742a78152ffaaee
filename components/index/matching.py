"""Which image of one case matched which of another: the pair whose codes differ in the fewest bits."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa


class Pair(NamedTuple):
    """Two images by their places in their cases."""

    first: int
    second: int
    distance: int
    """Bits in which their codes differ."""


class ImageCodes(NamedTuple):
    """The images of a case, and the code of each by itself."""

    image_ids: list[str]
    codes: np.ndarray
    """uint8, (n, bits / 8)"""


def nearest_pair(first: np.ndarray, second: np.ndarray) -> Pair:
    """The pair at the least Hamming distance; of equally near ones the first by first's order, then by second's.

    first: codes of a case's images, uint8 (m, bits / 8); second: of another's, (n, bits / 8).
    """
    distances = np.bitwise_count(first[:, np.newaxis] ^ second).sum(axis=2, dtype=np.int64)  # (m, n)
    place = int(distances.argmin())
    return Pair(place // len(second), place % len(second), int(distances.flat[place]))


class KeptCodes:
    """The codes of single images in a code table, which holds them where encode.instances asks for it."""

    def __init__(self, codes: pa.Table) -> None:
        self._instances = codes["instances"].combine_chunks()
        rows = np.flatnonzero(self._instances.is_valid().to_numpy(zero_copy_only=False))
        self._row_of = dict(zip(codes["bag_id"].take(rows).to_pylist(), rows.tolist(), strict=True))

    def __bool__(self) -> bool:
        return bool(self._row_of)

    def of(self, bag_id: str) -> ImageCodes | None:
        """The images of a bag in image_id order; None where the table does not keep them."""
        row = self._row_of.get(bag_id)
        if row is None:
            return None
        kept = self._instances[row].as_py()
        codes = np.frombuffer(b"".join(image["code"] for image in kept), np.uint8)
        return ImageCodes([image["image_id"] for image in kept], codes.reshape(len(kept), -1))
