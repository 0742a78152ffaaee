"""Patient-disjoint folds: the three strategies behind one function."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from components.contracts import FOLDS, SPLIT
from components.errors import MedhashError
from components.params import SplitParams
from components.split.keyed import hash_folds, in_validation
from components.split.official import official_test_patients
from components.split.stratified import stratified_folds


def split_patients(images: pa.Table, settings: SplitParams, seed: int) -> pa.Table:
    """Place every image in a fold by its patient.

    images: contract IMAGES. Returns contract SPLIT, sorted by image_id.
    `hash`: the fold depends on (seed, patient) alone, so that it never changes when patients arrive.
    `official`: the publisher's test patients; the others are divided into train and val by the same hash.
    `stratified`: exact shares of patients with the labels spread evenly; folds move when patients arrive.
    Raises MedhashError if a fold that is asked for would be empty, or the official folds do not serve.
    """
    encoded = images["patient_id"].combine_chunks().dictionary_encode()
    patients: list[str] = encoded.dictionary.to_pylist()
    numbers = np.asarray(encoded.indices)                    # (images,) → row in patients
    if settings.strategy == "hash":
        folds = hash_folds(patients, settings, seed)
    elif settings.strategy == "official":
        in_test = official_test_patients(images, numbers, len(patients), settings.both_lists)
        folds = ["test" if test else "val" if in_validation(patient, settings, seed) else "train"
                 for patient, test in zip(patients, in_test, strict=True)]
    else:
        folds = stratified_folds(images, patients, numbers, settings, seed)
    _refuse_empty_folds(folds, settings)
    split = pa.table({"image_id": images["image_id"], "patient_id": images["patient_id"],
                      "fold": pa.array(np.array(folds, dtype=object)[numbers], pa.string())})
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
            "fold from three patients on)")
