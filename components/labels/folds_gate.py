"""Expectations of the folds behind each figure: who stands for a label in each fold and in each collection."""

import math

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa

from components.quality.inspection import Inspection
from medhash.core.contracts import FOLDS
from medhash.core.documents import Vocabulary
from medhash.core.params import QualityParams
from medhash.retrieval.label_spread import (
    NO_ORIGIN,
    label_matrix,
    origins_of_cases,
    patients_of_half,
    patients_per_label,
)

ENOUGH = 5
"""Patients to be expected in a fold of a collection, from which on none at all is no chance: e⁻⁵ < 1 %."""
_LEAST = "quality.min_patients_per_label_and_fold"
_HALF = "quality.min_patients_of_half_a_fold"
_FIX = "to fix it, split by split.strategy hash or stratified, or take the label out of labels.classes"


def inspect_folds(
    images: pa.Table, labels: pa.Table, label_sets: pa.Table, vocabulary: Vocabulary, limits: QualityParams
) -> list[Inspection]:
    """Patients of each label in each fold and in each origin's part of it, and patients behind most cases of a fold.

    images, labels, label_sets: contracts of those names.
    """
    carried = label_matrix(labels, label_sets, len(vocabulary.labels))
    counts = patients_per_label(labels, carried)  # (folds, labels, 2)
    least = limits.min_patients_per_label_and_fold
    there = [number for number in range(len(FOLDS)) if counts[number].any()]
    in_test = {FOLDS.index("test")}.intersection(there)
    at_least = gxe.ExpectColumnValuesToBeBetween(column="n_patients", min_value=least)
    none_too_few = gxe.ExpectColumnValuesToBeInSet(column="too_few", value_set=[False])
    found = [
        Inspection(
            "test patients of each label",
            _rows([(label, counts[number, row, 0]) for number in in_test for row, label in _named(vocabulary)]),
            {f"every label has at least {least} test patients ({_LEAST}; {_FIX})": at_least},
            shows_values=True,
        ),
        Inspection(
            "patients of each label in each fold",
            _rows(
                [
                    (f"{label} in {FOLDS[number]}, patients {side} it", counts[number, row, place])
                    for number in there
                    for row, label in _named(vocabulary)
                    for place, side in enumerate(("with", "without"))
                    if not (number in in_test and place == 0)
                ]
            ),
            {f"every fold has at least {least} patients with and without each label ({_LEAST}; {_FIX})": at_least},
        ),
        *_origins(images, labels, carried, counts, vocabulary, least),
        Inspection(
            "patients behind most cases of a fold",
            _halves(labels, limits.min_patients_of_half_a_fold),
            {
                f"half of a fold's cases belong to {limits.min_patients_of_half_a_fold} patients or more, or to a "
                f"quarter of them ({_HALF}; to fix it, set split.max_test_cases_per_patient)": none_too_few
            },
        ),
    ]
    return [inspection for inspection in found if len(inspection.frame)]


def _named(vocabulary: Vocabulary) -> list[tuple[int, str]]:
    return list(enumerate(vocabulary.labels))


def _rows(rows: list[tuple[str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["row", "n_patients"])


def _origins(
    images: pa.Table, labels: pa.Table, carried: np.ndarray, counts: np.ndarray, vocabulary: Vocabulary, least: int
) -> list[Inspection]:
    """An inspection per attribute that says where cases come from.

    A label is compared within a collection if its patients there, shared out by the folds' numbers of patients, would
    put ENOUGH with it and ENOUGH without it into the fold.
    """
    patients = np.asarray(labels["patient_id"].to_numpy(), dtype=str)
    folds = np.asarray(labels["fold"].to_numpy(), dtype=str)
    sizes = np.array([len(np.unique(patients[folds == fold])) for fold in FOLDS])
    found = []
    for attribute, origins in origins_of_cases(images, labels).items():
        rows = []
        for origin in sorted(set(origins.tolist()) - {NO_ORIGIN}):
            inside = patients_per_label(labels, carried, origins == origin)
            expected = inside.sum(axis=0) * (sizes / sizes.sum())[:, None, None]  # (folds, labels, 2)
            for number, row in np.argwhere((expected >= ENOUGH).all(axis=2)).tolist():
                for place, side in enumerate(("with", "without")):
                    rows.append(
                        (
                            f"{vocabulary.labels[row]} in {FOLDS[number]}, {attribute} {origin}, patients {side} it "
                            f"(about {expected[number, row, place]:.0f} expected)",
                            inside[number, row, place],
                        )
                    )
        words = (
            f"where a fold of one {attribute} should hold {ENOUGH} patients with and without a label, it has at least "
            f"{least} of both, or the {attribute} gives the label away ({_LEAST}; {_FIX})"
        )
        at_least = gxe.ExpectColumnValuesToBeBetween(column="n_patients", min_value=least)
        found.append(Inspection(f"patients of each label by {attribute}", _rows(rows), {words: at_least}))
    return found


def _halves(labels: pa.Table, least: int) -> pd.DataFrame:
    """A row for val and test, where they have cases: in words how many patients hold half of them."""
    patients = np.asarray(labels["patient_id"].to_numpy(), dtype=str)
    folds = np.asarray(labels["fold"].to_numpy(), dtype=str)
    rows = []
    for fold in ("val", "test"):
        inside = patients[folds == fold]
        if not len(inside):
            continue
        n_half, n_patients = patients_of_half(inside), len(np.unique(inside))
        words = f"{fold}: {n_half:,} of {n_patients:,} patients hold half of its {len(inside):,} cases"
        rows.append((words, n_half < min(least, math.ceil(n_patients / 4))))
    return pd.DataFrame(rows, columns=["row", "too_few"])
