"""The publisher's own test patients, checked before they are trusted."""

from typing import Literal

import numpy as np
import pyarrow as pa

from components.errors import MedhashError

_SHOWN = 20


def official_test_patients(
    images: pa.Table, numbers: np.ndarray, n_patients: int, both_lists: Literal["refuse", "train", "test"]
) -> np.ndarray:
    """Which patients the publisher put into test, bool (patients,).

    numbers: patient number of every image, (images,). Rows are named by their line in the archive's table.
    both_lists: where a patient goes whose images the publisher has put into both lists, as CBIS-DDSM has: no patient
    may stand in two folds, so train and test move all of the patient's images there.
    Raises MedhashError for an image in no official list, and for a patient in both under `refuse`.
    """
    official = images["official_fold"].to_numpy(zero_copy_only=False)
    rows = images["source_row"].to_numpy()
    known = np.isin(official, ["train_val", "test"])
    if not known.all():
        raise MedhashError(
            f"{np.sum(~known)} of {len(rows)} images stand in no official list, first on line {_lines(rows[~known])} "
            "of the archive's table",
            "add them to the publisher's lists, or set split.strategy: hash in params.yaml",
        )
    test = official == "test"
    n_images = np.bincount(numbers, minlength=n_patients)
    n_test = np.bincount(numbers[test], minlength=n_patients)
    both = (n_test > 0) & (n_test < n_images)
    if both.any() and both_lists == "refuse":
        raise MedhashError(
            f"{np.sum(both)} patients stand in both official lists, on line {_lines(rows[both[numbers]])} of the "
            "archive's table",
            "mend the lists, or set split.both_lists (train or test takes these patients whole) or "
            "split.strategy: hash in params.yaml",
        )
    return n_test == n_images if both_lists == "train" else n_test > 0


def _lines(rows: np.ndarray) -> str:
    shown = ", ".join(str(row) for row in np.sort(rows)[:_SHOWN])
    return shown + (" …" if len(rows) > _SHOWN else "")
