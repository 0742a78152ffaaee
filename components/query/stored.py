"""The images of cases as this machine's pixel store holds them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.contracts import IMAGES, read_table
from components.members import read_members
from components.workspace import Workspace


@dataclass(frozen=True)
class Stored:
    """The n images of a case, by image_id, read from the store when they are asked for."""

    image_ids: list[str]
    rows: np.ndarray
    """int64, (n,): their rows in the store."""
    store: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> np.ndarray:
        """uint8, (C, S, S)"""
        pixels: np.ndarray = np.asarray(self.store[self.rows[place]])
        return pixels


def stored_bags(workspace: Workspace, bag_ids: Sequence[str]) -> list[Stored | None]:
    """The images of bags, None for a bag of which the workspace's pixel store does not hold them all."""
    if not (workspace.images.exists() and workspace.pixels.exists()):
        return [None] * len(bag_ids)
    images = read_table(workspace.images, IMAGES)
    members = read_members(images.filter(pc.is_in(images["bag_id"], pa.array(bag_ids, pa.string()))))
    place_of = {bag_id: place for place, bag_id in enumerate(members.bag_ids.tolist())}
    store: np.ndarray = np.load(workspace.pixels, mmap_mode="r")
    found: list[Stored | None] = []
    for bag_id in bag_ids:
        bag = members.take(np.array([place_of[bag_id]])) if bag_id in place_of else None
        found.append(
            None if bag is None or bag.rows.max() >= len(store) else Stored(bag.image_ids.tolist(), bag.rows, store)
        )
    return found
