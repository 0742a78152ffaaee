"""Who asks in a decision: the test patients whose turn it is, without those that either model was trained on."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.contracts import RELEASED, read_table
from components.index.build import GALLERY_FOLDS
from components.index.code_table import PlacedCodes
from components.promote.release import IMAGES_FILE
from components.promote.rotation import Turn, groups_of


class Asked(NamedTuple):
    """Which of the test cases ask, and how many could not."""

    mask: np.ndarray
    """bool, (Q,): over all test cases, in bag_id order."""
    n_trained_on: int
    """Cases whose turn it is, but of patients that one of the two models has seen in training."""
    n_patients_trained_on: int


def who_asks(queries: PlacedCodes, turn: Turn, seed: int, trained_on: set[str]) -> Asked:
    """queries: all test cases. trained_on: patients of the train and val folds of either release."""
    whose_turn = groups_of(queries.patient_ids, turn.n_groups, seed) == turn.group
    seen = np.isin(queries.patient_ids, sorted(trained_on))
    return Asked(
        whose_turn & ~seen, int((whose_turn & seen).sum()), len(np.unique(queries.patient_ids[whose_turn & seen]))
    )


def patients_trained_on(release: Path) -> set[str]:
    """Patients that stood in train or val when the release was made, whatever their fold is today."""
    images = read_table(release / IMAGES_FILE, RELEASED)
    kept = np.isin(images["fold"].to_numpy(), GALLERY_FOLDS) & images["at_training"].to_numpy()
    return set(images.filter(kept)["patient_id"].to_pylist())
