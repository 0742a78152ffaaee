"""The audit: a probe per attribute on image statistics alone, fitted on the train fold, measured on the test fold."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.documents import Vocabulary
from components.shortcuts.classes import NONE, classes_of_images
from components.shortcuts.probe import balanced_accuracy
from components.shortcuts.shortcut import Shortcut
from components.shortcuts.statistics import image_statistics

MOST_IMAGES = 4000
N_PERMUTED = 3
FEWEST_FITTED, FEWEST_MEASURED = 5, 2
"""Cases of a value in either fold, below which it is left out."""


def audit_shortcuts(
    images: pa.Table, pixels: np.ndarray, labels: pa.Table, label_sets: pa.Table, vocabulary: Vocabulary, seed: int
) -> list[Shortcut]:
    """What each attribute of the vocabulary, and `archive` where images carry one, betrays without anatomy.

    images, labels, label_sets: contracts of those names; pixels: uint8, (rows, C, S, S), row number =
    IMAGES.pixel_row. Images without pixels, or whose case has no label set, take no part; of more than 4,000 a seeded
    draw does. An image takes part for an attribute of which it has exactly one value. Folds never share a patient.
    """
    known = images.filter(
        pc.and_(
            pc.is_valid(images["pixel_row"]), pc.is_in(images["bag_id"], value_set=labels["bag_id"].combine_chunks())
        )
    )
    drawn = np.sort(np.random.default_rng(seed).permutation(len(known))[:MOST_IMAGES])
    if not len(drawn):
        return []
    known = known.take(drawn)
    folds = labels["fold"].take(pc.index_in(known["bag_id"], value_set=labels["bag_id"].combine_chunks()))
    about = _Drawn(
        image_statistics(known, pixels), _strings(folds), _strings(known["bag_id"]), _strings(known["patient_id"]), seed
    )
    classes = classes_of_images(known, labels, label_sets, vocabulary)
    return [_audit(attribute, of_images, about) for attribute, of_images in classes.items()]


@dataclass(frozen=True)
class _Drawn:
    """The images that take part."""

    statistics: dict[str, np.ndarray]
    folds: np.ndarray
    bags: np.ndarray
    patients: np.ndarray
    seed: int


def _audit(attribute: str, classes: np.ndarray, drawn: _Drawn) -> Shortcut:
    fold = "test" if (drawn.folds == "test").any() else "val"
    named = [value for value in np.unique(classes).tolist() if value != NONE]
    kept = [
        value
        for value in named
        if _count(drawn.bags[(classes == value) & (drawn.folds == "train")]) >= FEWEST_FITTED
        and _count(drawn.bags[(classes == value) & (drawn.folds == fold)]) >= FEWEST_MEASURED
    ]
    fitted, asked = (np.flatnonzero(np.isin(classes, kept) & (drawn.folds == name)) for name in ("train", fold))
    accuracy = permuted = deviation = None
    groups: dict[str, float] = {}
    if len(kept) > 1:

        def measure(features: np.ndarray, fitted_to: np.ndarray) -> float:
            return balanced_accuracy(features[fitted], fitted_to, features[asked], classes[asked], drawn.seed)

        together = np.hstack(list(drawn.statistics.values()))
        accuracy = measure(together, classes[fitted])
        random = np.random.default_rng(drawn.seed)
        permuted = float(np.mean([measure(together, random.permutation(classes[fitted])) for _ in range(N_PERMUTED)]))
        groups = {group: measure(features, classes[fitted]) for group, features in drawn.statistics.items()}
        deviation = _guess_deviation([_count(drawn.patients[asked][classes[asked] == value]) for value in kept])
    return Shortcut(
        attribute,
        kept,
        [value for value in named if value not in kept],
        fold,
        len(fitted),
        len(asked),
        accuracy,
        permuted,
        deviation,
        groups,
    )


def _guess_deviation(n_patients: list[int]) -> float:
    """Standard deviation of a guess's balanced accuracy: √(Σ_c p (1 - p) / n_c) / C, p = 1 / C.

    n_c counts patients, not images: pictures of one patient look alike and are called alike.
    """
    n_classes = len(n_patients)
    share = 1 / n_classes
    return float(np.sqrt(sum(share * (1 - share) / n for n in n_patients))) / n_classes


def _count(ids: np.ndarray) -> int:
    return len(np.unique(ids))


def _strings(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.to_numpy(), dtype=str)
