"""Patient-disjoint folds: the strategies behind one function."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from components.split.hashed import hash_folds, in_validation
from components.split.held_out import held_out_folds
from components.split.near_duplicates import leaders_of, linked_patients, one_fold_per_group, require_pixels
from components.split.stratified import stratified_folds
from medhash.core.contracts import FOLDS, SPLIT
from medhash.core.errors import MedhashError
from medhash.core.params import SplitParams

_SHOWN = 20


def official_test_patients(
    images: pa.Table, numbers: np.ndarray, n_patients: int, both_lists: Literal["refuse", "train", "test"]
) -> np.ndarray:
    """Which patients the publisher put into test, bool (patients,).

    numbers: patient number of every image, (images,). Rows are named by their line in the archive's table.
    both_lists: the fold of a patient whose images are in both of the publisher's lists, as in CBIS-DDSM. All of the
    patient's images go there, as no patient may be in two folds.
    Raises MedhashError for an image in no official list, and for a patient in both under `refuse`.
    """
    official = images["official_fold"].to_numpy(zero_copy_only=False)
    rows = images["source_row"].to_numpy()
    known = np.isin(official, ["train_val", "test"])
    if not known.all():
        raise MedhashError(
            f"{np.sum(~known)} of {len(rows)} images are in no official list, first on line {_lines(rows[~known])} "
            "of the archive's table",
            "add them to the publisher's lists, or set split.strategy: hash in params.yaml",
        )
    test = official == "test"
    n_images = np.bincount(numbers, minlength=n_patients)
    n_test = np.bincount(numbers[test], minlength=n_patients)
    both = (n_test > 0) & (n_test < n_images)
    if both.any() and both_lists == "refuse":
        raise MedhashError(
            f"{np.sum(both)} patients are in both official lists, on line {_lines(rows[both[numbers]])} of the "
            "archive's table",
            "fix the lists, or set split.both_lists (train or test takes these patients whole) or "
            "split.strategy: hash in params.yaml",
        )
    return n_test == n_images if both_lists == "train" else n_test > 0


def n_cases(images: pa.Table, numbers: np.ndarray, n_patients: int) -> np.ndarray:
    """Cases (bags of images) of every patient, int (patients,). numbers: patient number of every image."""
    bags = np.unique(np.asarray(images["bag_id"].to_numpy(), dtype=str), return_inverse=True)[1]
    return np.bincount(np.unique(np.stack([numbers, bags]), axis=1)[0], minlength=n_patients)


def _lines(rows: np.ndarray) -> str:
    shown = ", ".join(str(row) for row in np.sort(rows)[:_SHOWN])
    return shown + (" …" if len(rows) > _SHOWN else "")


def split_patients(images: pa.Table, settings: SplitParams, seed: int, pixels: np.ndarray | None = None) -> pa.Table:
    """Place every image in a fold by its patient.

    images: contract IMAGES; pixels: the pixel store, for settings.near_duplicates only. Patients with nearly the same
    picture then share a fold under every strategy. Returns contract SPLIT, sorted by image_id.
    `hash`: the fold depends on (seed, patient) alone, so that it never changes when patients arrive.
    `official`: the publisher's test patients; the others are divided into train and val by the same hash.
    `stratified`: exact shares of patients with the labels spread evenly; folds move when patients arrive.
    `combination`: hash, but patients with an image of a held-out combination are in val or test (split.held_out).
    Near duplicates take the fold of one of their patients; a new image that links two groups can move one of them.
    settings.max_test_cases_per_patient: a patient with more cases, and near duplicates of one, are in train.
    Raises MedhashError if a wanted fold would be empty, or the official lists cannot be used.
    """
    encoded = images["patient_id"].combine_chunks().dictionary_encode()
    patients: list[str] = encoded.dictionary.to_pylist()
    numbers = np.asarray(encoded.indices)  # (images,) → row in patients
    groups = np.arange(len(patients))
    if settings.near_duplicates:
        groups = linked_patients(images, numbers, len(patients), require_pixels(pixels), settings.near_duplicates)
    if settings.strategy in ("hash", "combination"):
        folds = hash_folds(patients, settings, seed)
    elif settings.strategy == "official":
        in_test = official_test_patients(images, numbers, len(patients), settings.both_lists)
        folds = [
            "test" if test else "val" if in_validation(patient, settings, seed) else "train"
            for patient, test in zip(patients, in_test, strict=True)
        ]
    else:
        folds = stratified_folds(images, patients, numbers, settings, seed)
    if settings.near_duplicates:
        folds = one_fold_per_group(folds, groups, patients)
    if settings.max_test_cases_per_patient:
        long = n_cases(images, numbers, len(patients)) > settings.max_test_cases_per_patient
        kept = set(groups[long].tolist())
        folds = ["train" if group in kept else fold for group, fold in zip(groups.tolist(), folds, strict=True)]
    if settings.strategy == "combination":
        leaders = leaders_of(groups, patients)
        folds = held_out_folds(
            images,
            [patients[leader] for leader in leaders],
            groups[numbers],
            [folds[leader] for leader in leaders],
            settings,
            seed,
        )
        folds = [folds[group] for group in groups]
    _refuse_empty_folds(folds, settings)
    split = pa.table(
        {
            "image_id": images["image_id"],
            "patient_id": images["patient_id"],
            "fold": pa.array(np.array(folds, dtype=object)[numbers], pa.string()),
        }
    )
    return split.sort_by("image_id").cast(SPLIT)


def describe_folds(split: pa.Table) -> str:
    """Images and patients of every fold, one line each."""
    lines = [f"{'fold':<7}{'images':>9}{'patients':>10}"]
    fold, patient = split["fold"].to_numpy(), split["patient_id"].to_numpy()
    for name in FOLDS:
        lines.append(f"{name:<7}{np.sum(fold == name):>9,}{len(set(patient[fold == name])):>10,}")
    return "\n".join(lines)


def _refuse_empty_folds(folds: Sequence[str], settings: SplitParams) -> None:
    wanted = {"train"}
    if settings.strategy == "official" or settings.test_share > 0:
        wanted.add("test")
    if settings.val_share > 0:
        wanted.add("val")
    empty = [fold for fold in FOLDS if fold in wanted and fold not in folds]
    if empty:
        raise MedhashError(
            f"fold {' and '.join(empty)} would have no patient: the archive has {len(folds)} "
            f"(strategy {settings.strategy}, test_share {settings.test_share}, val_share {settings.val_share})",
            "ingest more patients, or change split.strategy or the shares in params.yaml (stratified fills every "
            "fold from three patients on)",
        )
