"""The images of each bag: where the pixels of a case lie in the pixel store."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.errors import MedhashError
from medhash.hashing.bags import members_of, starts_of


@dataclass(frozen=True)
class Members:
    """The images of n bags, packed one after the other: bag b holds [starts[b], starts[b + 1])."""

    bag_ids: np.ndarray
    """str, (n,), ascending."""
    starts: np.ndarray
    """int64, (n + 1,)"""
    image_ids: np.ndarray
    """str, (m,), ascending within a bag."""
    rows: np.ndarray
    """int64, (m,): row in the pixel store."""

    def __len__(self) -> int:
        return len(self.bag_ids)

    @property
    def sizes(self) -> np.ndarray:
        """Images of each bag, int64, (n,)."""
        return np.diff(self.starts)

    def take(self, places: np.ndarray) -> "Members":
        """The bags at these places, in that order."""
        chosen = members_of(self.starts, places)
        return Members(self.bag_ids[places], starts_of(self.sizes[places]), self.image_ids[chosen], self.rows[chosen])

    def of(self, bag_ids: np.ndarray) -> "Members":
        """The bags of these ids, in that order. Raises MedhashError naming one that has no image with pixels."""
        if not len(bag_ids):
            return self.take(np.zeros(0, np.int64))
        places = np.searchsorted(self.bag_ids, bag_ids).clip(max=max(len(self) - 1, 0))
        missing = self.bag_ids[places] != bag_ids if len(self) else np.ones(len(bag_ids), dtype=bool)
        if missing.any():
            raise MedhashError(
                f"bag {bag_ids[missing][0]} has no image with pixels ({missing.sum()} such bags)",
                "run ingest with the archive's images (ingest.metadata_only: false)",
            )
        return self.take(places)


def read_members(images: pa.Table) -> Members:
    """The bags of contract IMAGES (or of its columns bag_id, image_id, pixel_row) that have an image with pixels."""
    stored = images.select(["bag_id", "image_id", "pixel_row"])
    stored = stored.filter(pc.is_valid(stored["pixel_row"])).sort_by(
        [("bag_id", "ascending"), ("image_id", "ascending")]
    )
    bags = np.asarray(stored["bag_id"].to_numpy(), dtype=str)
    bag_ids, sizes = np.unique(bags, return_counts=True)
    return Members(
        bag_ids,
        starts_of(sizes),
        np.asarray(stored["image_id"].to_numpy(), dtype=str),
        stored["pixel_row"].to_numpy().astype(np.int64),
    )
