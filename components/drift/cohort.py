"""The images that a profile is about, out of the tables of the stages."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.contracts import IMAGES, LABELS, read_table
from components.workspace import Workspace


@dataclass(frozen=True)
class Cohort:
    """Images, sorted by image_id, that have pixels and whose bags stand in labels.parquet."""

    images: pa.Table
    """Columns of contract IMAGES, and `fold`."""

    def __len__(self) -> int:
        return int(self.images.num_rows)

    @property
    def patient_ids(self) -> np.ndarray:
        """str, (N,)"""
        return np.asarray(self.images["patient_id"].to_numpy(zero_copy_only=False), dtype=str)

    @property
    def patients(self) -> np.ndarray:
        """int64, (N,): number of each image's patient, 0 … n_patients - 1."""
        return np.unique(self.patient_ids, return_inverse=True)[1]

    @property
    def n_patients(self) -> int:
        return len(np.unique(self.patient_ids))

    def bags(self) -> tuple[np.ndarray, np.ndarray]:
        """The bags of the images, ascending, and the patient of each: str, (n,) both."""
        bag_ids, first = np.unique(np.asarray(self.images["bag_id"].to_numpy(), dtype=str), return_index=True)
        return bag_ids, self.patient_ids[first]

    def of_folds(self, *folds: str) -> "Cohort":
        return Cohort(self.images.filter(pc.is_in(self.images["fold"], value_set=pa.array(folds, pa.string()))))

    def new_since(self, released: pa.Table) -> "Cohort":
        """Those that the archive did not hold when a release's model was trained (contract RELEASED): images that are
        not known or joined the gallery later, or whose file changed since."""
        then = released.filter(released["at_training"])
        known = set(zip(*(then.select(["image_id", "sha256"]).to_pydict().values()), strict=True))
        ours = zip(self.images["image_id"].to_pylist(), self.images["sha256"].to_pylist(), strict=True)
        return Cohort(self.images.filter(pa.array([image not in known for image in ours], pa.bool_())))


def at_training(released: pa.Table) -> set[str]:
    """Ids of the bags of a release (contract RELEASED) that were whole when its model was trained."""
    later = released.filter(pc.invert(released["at_training"]))
    return set(released["bag_id"].to_pylist()) - set(later["bag_id"].to_pylist())


def read_cohort(workspace: Workspace) -> Cohort:
    """Every image that is there to train on or to be found today."""
    images = read_table(workspace.images, IMAGES)
    labels = read_table(workspace.labels, LABELS).select(["bag_id", "fold"])
    stored = images.filter(pc.is_valid(images["pixel_row"]))
    place = pc.index_in(stored["bag_id"], value_set=labels["bag_id"].combine_chunks())
    kept = stored.filter(pc.is_valid(place))
    folds = labels["fold"].take(place.drop_null())
    return Cohort(kept.append_column("fold", folds).sort_by("image_id"))
