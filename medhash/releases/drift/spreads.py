"""The measures of a cohort: what is looked at in labels, views, people, pixels and codes."""

from dataclasses import dataclass
from typing import NamedTuple

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.contracts import IMAGES, LABELS, read_table
from medhash.core.vocabulary import NO_FINDING
from medhash.core.workspace import Workspace
from medhash.releases.drift.histogram import Sample, sample_of
from medhash.retrieval.evaluation.slices import AGE_BANDS, UNKNOWN
from medhash.retrieval.index import Index, search


@dataclass(frozen=True)
class Cohort:
    """Images, sorted by image_id, that have pixels and whose bags are in labels.parquet."""

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


N_GREYS = 256


class Greys(NamedTuple):
    """Statistics of N images."""

    mean: np.ndarray
    """float64, (N,), 0 to 255"""
    deviation: np.ndarray
    """float64, (N,): standard deviation over the image's own pixels"""
    pooled: np.ndarray
    """float64, (256,): weighted mean over images of the share of pixels with each grey"""


def grey_statistics(pixels: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> Greys:
    """One pass over the images at `rows`, one image in memory at a time.

    pixels: uint8, (images, channels, size, size), may be memory-mapped; channels are pooled. rows: (N,). weights:
    (N,), the part of the pooled histogram that each image makes. All that is asked of an image follows from its
    histogram, in whole numbers, so the order and grouping of reading do not matter. Means and deviations are rounded
    to 1/1000 of a grey.
    """
    greys = np.arange(N_GREYS)
    mean, deviation, pooled = np.empty(len(rows)), np.empty(len(rows)), np.zeros(N_GREYS)
    for number, (row, weight) in enumerate(zip(rows.tolist(), weights.tolist(), strict=True)):
        counts = np.bincount(pixels[row].reshape(-1), minlength=N_GREYS)
        n_pixels = int(counts.sum())
        total, squares = int(counts @ greys), int(counts @ greys**2)
        mean[number] = total / n_pixels
        deviation[number] = (max(n_pixels * squares - total**2, 0)) ** 0.5 / n_pixels
        pooled += weight * (counts / n_pixels)
    return Greys(np.round(mean, 3), np.round(deviation, 3), pooled)


_BATCH = 1024


def among(index: Index, bag_ids: set[str]) -> Index:
    """The index of those entries only: what the model was released with, without what joined the gallery later."""
    kept = np.array([bag_id in bag_ids for bag_id in index.bag_ids.to_pylist()], dtype=bool)
    if kept.all():
        return index
    codes = index.faiss_index.reconstruct_n(0, index.info.n)[kept]
    part = faiss.IndexBinaryFlat(index.info.bits)
    part.add(np.ascontiguousarray(codes))
    patient_of = index.patient_of[kept]
    present = set(patient_of.tolist())
    return Index(
        index.info.model_copy(update={"n": int(kept.sum())}),
        part,
        index.bag_ids.filter(pa.array(kept)),
        index.set_ids[kept],
        patient_of,
        {patient: number for patient, number in index.patient_number.items() if number in present},
        np.bincount(patient_of, minlength=len(index.n_entries_of)),
    )


def nearest_distances(index: Index, codes: np.ndarray, patient_ids: np.ndarray) -> np.ndarray:
    """Hamming distance (bits) of each code to its nearest entry that is not of its own patient: float64, (N,).

    codes: uint8, (N, bits / 8). patient_ids: str, (N,). NaN where the gallery holds no other patient. An own case
    is no measure of how strange a case is: a follow-up would always look familiar.
    """
    found = np.full(len(codes), np.nan)
    own = np.array([patient in index.patient_number for patient in patient_ids.tolist()], dtype=bool)
    strangers = np.flatnonzero(~own)
    faiss.omp_set_num_threads(1)
    for start in range(0, len(strangers), _BATCH):
        rows = strangers[start : start + _BATCH]
        distances, _ = index.faiss_index.search(np.ascontiguousarray(codes[rows]), 1)
        found[rows] = distances[:, 0]
    for row in np.flatnonzero(own).tolist():
        nearest = search(index, codes[row], 1, exclude_patient=str(patient_ids[row]))
        if nearest:
            found[row] = nearest[0].distance
    return found


NO_LABEL = "(no label)"
CODE_DISTANCE = "code distance"
_PIXEL_MEASURES = MEAN, DEVIATION, GREYS = "image mean", "image deviation", "grey values"
MEASURES = {
    "labels": "which labels the images carry",
    "view": "which view they were taken in",
    "sex": "sex of the imaged people",
    "age": "their age, in bands",
    MEAN: "mean grey of each image",
    DEVIATION: "standard deviation of each image's greys: its contrast",
    GREYS: "all greys of all images",
    CODE_DISTANCE: "bits from each image's code to the nearest code of another patient in the gallery",
}
"""Name → what it is about; in the order in which they are told."""


def table_spreads(cohort: Cohort, attribute: str, vocabulary: list[str]) -> dict[str, Sample]:
    """`labels`, `view`, `sex` and `age`.

    An image with several labels of the attribute spreads over them; `No Finding` where it is no label of the
    vocabulary, like nothing at all, is NO_LABEL.
    """
    ages = [
        UNKNOWN if age is None else AGE_BANDS[min(max(age, 0) // 20, len(AGE_BANDS) - 1)]
        for age in cohort.images["age"].to_pylist()
    ]
    return {
        "labels": _labels(cohort, attribute, vocabulary),
        "view": _texts(cohort, "view"),
        "sex": _texts(cohort, "sex"),
        "age": sample_of(np.array(ages), np.ones(len(cohort)), cohort.patients),
    }


def pixel_spreads(cohort: Cohort, pixels: np.ndarray) -> dict[str, Sample]:
    """`image mean`, `image deviation` and `grey values`. pixels: the pixel store, uint8 (images, C, S, S)."""
    patients, ones = cohort.patients, np.ones(len(cohort))
    weights = 1 / (np.bincount(patients)[patients] * cohort.n_patients)
    greys = grey_statistics(pixels, cohort.images["pixel_row"].to_numpy(), weights)
    return {
        MEAN: sample_of(greys.mean, ones, patients),
        DEVIATION: sample_of(greys.deviation, ones, patients),
        GREYS: Sample(
            np.arange(N_GREYS).astype(float), greys.pooled * cohort.n_patients, len(cohort), cohort.n_patients
        ),
    }


def _labels(cohort: Cohort, attribute: str, vocabulary: list[str]) -> Sample:
    values, shares, patients = [], [], []
    for labels, patient in zip(cohort.images["labels"].to_pylist(), cohort.patients.tolist(), strict=True):
        names = sorted({found["label"] for found in labels if found["attribute"] == attribute})
        if NO_FINDING not in vocabulary:
            names = [name for name in names if name != NO_FINDING]
        for name in names or [NO_LABEL]:
            values.append(name)
            shares.append(1 / len(names or [NO_LABEL]))
            patients.append(patient)
    return sample_of(np.array(values, dtype=str), np.array(shares), np.array(patients))


def _texts(cohort: Cohort, column: str) -> Sample:
    values = [value or UNKNOWN for value in cohort.images[column].to_pylist()]
    return sample_of(np.array(values, dtype=str), np.ones(len(cohort)), cohort.patients)
