"""The tables as arrays: pixels, labels and patients of each fold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medhash.core.contracts import FOLDS, IMAGES, LABEL_SETS, LABELS, SIMILARITY, read_table
from medhash.core.documents import Attribute, Vocabulary
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_files
from medhash.core.workspace import Workspace
from medhash.hashing.bags import bags_of_one, members_of, starts_of
from medhash.hashing.features import kinds_of, width_of
from medhash.retrieval.features import JoinedRows
from medhash.retrieval.members import read_members


@dataclass(frozen=True)
class Fold:
    """The n bags of a fold, in the order of labels.parquet, and their m instances packed one after the other."""

    bag_ids: np.ndarray
    """(n,), str."""
    rows: np.ndarray
    """(m,), int64: row of each instance in the pixel store and in the GIST array; by image_id within a bag."""
    starts: np.ndarray
    """(n + 1,), int64: the instances of bag b are [starts[b], starts[b + 1])."""
    labels: np.ndarray
    """(n, C), float32: 1 where the bag carries the label."""
    sets: np.ndarray
    """(n,), int32: row of `levels`."""
    patients: np.ndarray
    """(n,), int64: equal numbers for equal patients, over all folds."""

    def __len__(self) -> int:
        return len(self.bag_ids)

    def join(self, other: "Fold") -> "Fold":
        """This fold's bags, then the other's."""
        starts = np.concatenate([self.starts, self.starts[-1] + other.starts[1:]])
        joined = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__annotations__}
        return Fold(**joined | {"starts": starts})

    def take(self, chosen: np.ndarray) -> "Fold":
        """The bags at the positions `chosen`."""
        chosen = np.arange(len(self))[chosen]
        return Fold(
            self.bag_ids[chosen],
            self.rows[members_of(self.starts, chosen)],
            starts_of(np.diff(self.starts)[chosen]),
            self.labels[chosen],
            self.sets[chosen],
            self.patients[chosen],
        )

    def instances(self) -> "Fold":
        """Every instance as a bag of one, with the labels, the id and the patient of its bag."""
        bags = np.repeat(np.arange(len(self)), np.diff(self.starts))
        return Fold(
            self.bag_ids[bags],
            self.rows,
            bags_of_one(len(self.rows)),
            self.labels[bags],
            self.sets[bags],
            self.patients[bags],
        )


@dataclass(frozen=True)
class DataSet:
    """Everything that a training reads, except pixels and features."""

    folds: dict[str, Fold]
    levels: np.ndarray
    """(S, S), int16: labels that two label sets share."""
    vocabulary: list[str]
    digest: str
    """SHA-256 over the tables, which model.json records."""
    attributes: list[Attribute] = field(default_factory=list)
    """The attributes that labels combine; empty where labels are plain."""


def read_data(workspace: Workspace) -> DataSet:
    """Join images, labels, label sets and similarity.

    Of a bag some of whose images have no pixels, the others are used. Raises MedhashError if none of a labelled bag's
    images has pixels yet, or a fold that training needs is empty.
    """
    import pandas as pd

    table = read_table(workspace.labels, LABELS).to_pandas()
    bags = read_members(read_table(workspace.images, IMAGES)).of(table["bag_id"].to_numpy(str))
    known = Vocabulary.read(workspace.vocabulary)
    vocabulary = known.labels
    sets = read_table(workspace.label_sets, LABEL_SETS)["labels"].to_pylist()
    multi_hot = np.zeros((len(sets), len(vocabulary)), np.float32)
    for row, indices in enumerate(sets):
        multi_hot[row, indices] = 1
    patients = pd.factorize(table["patient_id"], sort=True)[0].astype(np.int64)
    folds = {}
    for name in FOLDS:
        chosen = np.flatnonzero(table["fold"].to_numpy() == name)
        if not len(chosen) and name == "train":
            raise MedhashError(
                f"{workspace.labels}: fold train has no bag",
                "lower split.test_share and split.val_share, or add patients",
            )
        set_ids = table["set_id"].to_numpy(np.int32)[chosen]
        of_fold = bags.take(chosen)
        folds[name] = Fold(of_fold.bag_ids, of_fold.rows, of_fold.starts, multi_hot[set_ids], set_ids, patients[chosen])
    digest = sha256_files(
        [
            workspace.images,
            workspace.split,
            workspace.labels,
            workspace.label_sets,
            workspace.similarity,
            *([workspace.vocabulary] if known.attributes else []),
        ]
    )
    return DataSet(folds, _levels(workspace, len(sets)), vocabulary, digest, known.attributes)


def _levels(workspace: Workspace, n_sets: int) -> np.ndarray:
    pairs = read_table(workspace.similarity, SIMILARITY)
    set_a, set_b = pairs["set_a"].to_numpy(), pairs["set_b"].to_numpy()
    if len(pairs) != n_sets**2 or set_a.max() >= n_sets or set_b.max() >= n_sets:
        raise MedhashError(
            f"{workspace.similarity} has {len(pairs)} rows where {n_sets} label sets make {n_sets**2} pairs",
            "run the similarity stage again, or `dvc repro`",
        )
    levels = np.zeros((n_sets, n_sets), np.int16)
    levels[set_a, set_b] = pairs["level"].to_numpy()
    return levels


def open_pixels(workspace: Workspace, size_px: int) -> np.ndarray:
    """The pixel store, (images, channels, size, size), uint8, mapped and not read.

    Raises MedhashError if it is missing, not an array of that kind, or of another size than params.yaml asks for.
    """
    pixels = _open_array(workspace.pixels, "ingest")
    if pixels.ndim != 4 or pixels.dtype != np.uint8 or pixels.shape[2:] != (size_px, size_px):
        raise MedhashError(
            f"{workspace.pixels} is {pixels.dtype} {pixels.shape}, not uint8 (images, channels, {size_px}, {size_px})",
            "run ingest again with size_px of params.yaml, or `dvc repro`",
        )
    return pixels


def open_features(workspace: Workspace, joined: str) -> JoinedRows:
    """Features of the kinds in `gist-512+lite0-128`. Raises MedhashError if one is missing or not of its kind."""
    return JoinedRows([_open_kind(workspace, kind) for kind in kinds_of(joined)])


def _open_kind(workspace: Workspace, kind: str) -> np.ndarray:
    path, width = workspace.features(kind), width_of(kind)
    if not path.exists():
        raise MedhashError(
            f"{path} does not exist",
            f"add {kind} to `features` of params.yaml and run the features stage, or `dvc repro`",
        )
    found = _open_array(path, "features")
    if found.ndim != 2 or found.dtype != np.float32 or found.shape[1] != width:
        raise MedhashError(
            f"{path} is {found.dtype} {found.shape}, not float32 (images, {width})",
            "run the features stage again, or `dvc repro`",
        )
    return found


def _open_array(path: Path, stage: str) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise MedhashError(f"{path} does not exist", f"run the {stage} stage, or `dvc repro`") from error
    except (ValueError, EOFError) as error:
        raise MedhashError(
            f"{path} is not a whole NumPy array ({error})",
            f"restore it with `dvc checkout`, or run the {stage} stage again",
        ) from error


def batches_of(n_images: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` that cover range(n_images)."""
    for start in range(0, n_images, size):
        yield slice(start, min(start + size, n_images))
