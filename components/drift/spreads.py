"""The measures of a cohort: what is looked at in labels, views, people, pixels and codes."""

import numpy as np

from components.drift.cohort import Cohort
from components.drift.histogram import Spread, spread_of
from components.drift.pixels import N_GREYS, grey_statistics
from components.evaluate.slices import AGE_BANDS, UNKNOWN
from components.labels.vocabulary import NO_FINDING

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


def table_spreads(cohort: Cohort, attribute: str, vocabulary: list[str]) -> dict[str, Spread]:
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
        "age": spread_of(np.array(ages), np.ones(len(cohort)), cohort.patients),
    }


def pixel_spreads(cohort: Cohort, pixels: np.ndarray) -> dict[str, Spread]:
    """`image mean`, `image deviation` and `grey values`. pixels: the pixel store, uint8 (images, C, S, S)."""
    patients, ones = cohort.patients, np.ones(len(cohort))
    weights = 1 / (np.bincount(patients)[patients] * cohort.n_patients)
    greys = grey_statistics(pixels, cohort.images["pixel_row"].to_numpy(), weights)
    return {
        MEAN: spread_of(greys.mean, ones, patients),
        DEVIATION: spread_of(greys.deviation, ones, patients),
        GREYS: Spread(
            np.arange(N_GREYS).astype(float), greys.pooled * cohort.n_patients, len(cohort), cohort.n_patients
        ),
    }


def _labels(cohort: Cohort, attribute: str, vocabulary: list[str]) -> Spread:
    values, shares, patients = [], [], []
    for labels, patient in zip(cohort.images["labels"].to_pylist(), cohort.patients.tolist(), strict=True):
        names = sorted({found["label"] for found in labels if found["attribute"] == attribute})
        if NO_FINDING not in vocabulary:
            names = [name for name in names if name != NO_FINDING]
        for name in names or [NO_LABEL]:
            values.append(name)
            shares.append(1 / len(names or [NO_LABEL]))
            patients.append(patient)
    return spread_of(np.array(values, dtype=str), np.array(shares), np.array(patients))


def _texts(cohort: Cohort, column: str) -> Spread:
    values = [value or UNKNOWN for value in cohort.images[column].to_pylist()]
    return spread_of(np.array(values, dtype=str), np.ones(len(cohort)), cohort.patients)
