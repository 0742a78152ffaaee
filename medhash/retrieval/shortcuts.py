"""Shortcut audit: how well image statistics without anatomy predict attributes; fitted on train, measured on test."""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.attributes import ORIGINS, targets, values_of
from medhash.core.documents import Vocabulary
from medhash.retrieval.evaluation.slices import UNKNOWN, age_bands

VIEW, AGE = "view", "age group"
NONE = ""
"""Of an image that does not know an attribute, or has several of its values."""


def classes_of_images(
    images: pa.Table, labels: pa.Table, label_sets: pa.Table, vocabulary: Vocabulary
) -> dict[str, np.ndarray]:
    """Attribute → value of each image, str (n,): the attributes of the vocabulary, and of ORIGINS those images have.

    Where labels are no combinations, also the view and the age group of images, so far as the archive knows them: what
    a method may rank by in place of a finding. An image has the label values of its case. images, labels and
    label_sets: contracts of those names; every image's case stands in labels.
    """
    places = pc.index_in(images["bag_id"], value_set=labels["bag_id"].combine_chunks())
    sets = labels["set_id"].take(places).to_numpy()
    by_set = values_by_set(label_sets, vocabulary)
    found = {
        attribute.name: _only_value(by_set[attribute.name], attribute.values)[sets]
        for attribute in vocabulary.attributes
    }
    facts = origins_of_images(images) if vocabulary.attributes else image_facts(images)
    return found | {name: values for name, values in facts.items() if name not in found}


def image_facts(images: pa.Table) -> dict[str, np.ndarray]:
    """What an archive tells of each image besides its labels: origin, view and age group → value, str (n,).

    Only what an image of the archive knows; NONE for the others. images: contract IMAGES.
    """
    views = np.array([view or NONE for view in images["view"].to_pylist()], dtype=str)
    bands = age_bands(images["age"])
    known = {VIEW: views, AGE: np.where(bands == UNKNOWN, NONE, bands)}
    return origins_of_images(images) | {name: values for name, values in known.items() if (values != NONE).any()}


def origins_of_images(images: pa.Table) -> dict[str, np.ndarray]:
    """Attribute of ORIGINS → where each image comes from, str (n,), NONE where it does not say or names several."""
    found = {}
    for attribute in ORIGINS:
        origins = [values[0] if len(values) == 1 else NONE for values in values_of(images, attribute)]
        if any(origins):
            found[attribute] = np.array(origins, dtype=str)
    return found


def values_by_set(label_sets: pa.Table, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    """Attribute → which of its values each label set has: bool, (S, V), row number = set_id.

    A row without a value is of sets that do not know the attribute.
    """
    ids = label_sets["set_id"].to_pylist()
    carried = np.zeros((max(ids, default=-1) + 1, len(vocabulary.labels)), dtype=bool)
    for set_id, members in zip(ids, label_sets["labels"].to_pylist(), strict=True):
        carried[set_id, members] = True
    return {
        attribute.name: targets(carried, attribute.of_label, len(attribute.values))
        for attribute in vocabulary.attributes
    }


def _only_value(has: np.ndarray, values: list[str]) -> np.ndarray:
    """The name of each row's value, str (S,), where it has exactly one. has: bool, (S, V)."""
    if not values:
        return np.full(len(has), NONE)
    return np.where(has.sum(axis=1) == 1, np.array(values, dtype=str)[has.argmax(axis=1)], NONE)


SIZE, BORDER, BRIGHTNESS, ENDS, GREY, COLOUR = (
    "size",
    "border",
    "brightness",
    "black and white",
    "grey values",
    "colour",
)
BORDER_PX = 3
BLACK, WHITE = 5, 250
"""Grey values up to the first are black, from the second on white; compression moves either by a few."""
N_GREY_BINS = 16
_BATCH = 256


def image_statistics(images: pa.Table, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Group of statistics → float64, (n, d), of n images in their order, each of which has pixels.

    images: contract IMAGES, of which pixel_row, width and height are read; pixels: uint8, (rows, C, S, S).
    size: original width and height, plain and as log2, width over height, and whether they are unknown, for which the
    mean stands. border: mean and deviation of the outermost pixels. brightness: mean and deviation of all.
    black and white: the share of either. grey values: a histogram of 16 bins, its sum 1. colour (C > 1 only): mean
    deviation of a pixel's channels from each other. Grey is the mean of the channels.
    """
    rows = images["pixel_row"].to_numpy().astype(np.int64)
    parts = [_of_pixels(np.asarray(pixels[rows[start : start + _BATCH]])) for start in range(0, len(rows), _BATCH)]
    return {SIZE: _sizes(images)} | {group: np.concatenate([part[group] for part in parts]) for group in parts[0]}


def _of_pixels(batch: np.ndarray) -> dict[str, np.ndarray]:
    """All groups but size, of uint8 (b, C, S, S)."""
    grey = batch[:, 0] if batch.shape[1] == 1 else np.rint(batch.mean(axis=1)).astype(np.uint8)  # (b, S, S)
    inner = np.zeros(grey.shape[1:], dtype=bool)
    inner[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    border, flat = grey[:, ~inner], grey.reshape(len(grey), -1)
    of_image = N_GREY_BINS * np.arange(len(flat))[:, None]
    counts = np.bincount((flat // (256 // N_GREY_BINS) + of_image).ravel(), minlength=N_GREY_BINS * len(flat))
    found = {
        BORDER: _moments(border),
        BRIGHTNESS: _moments(flat),
        ENDS: np.column_stack([(flat <= BLACK).mean(axis=1), (flat >= WHITE).mean(axis=1)]),
        GREY: counts.reshape(len(flat), N_GREY_BINS) / flat.shape[1],
    }
    return found if batch.shape[1] == 1 else found | {COLOUR: batch.std(axis=1).mean(axis=(1, 2))[:, None]}


def _moments(values: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each row, (b, 2)."""
    return np.column_stack([values.mean(axis=1), values.std(axis=1)])


def _sizes(images: pa.Table) -> np.ndarray:
    width, height = (images[name].to_numpy().astype(np.float64) for name in ("width", "height"))  # null becomes NaN
    sizes = np.column_stack([width, height, np.log2(width), np.log2(height), width / height])
    unknown = np.isnan(sizes).any(axis=1)
    means = sizes[~unknown].mean(axis=0) if not unknown.all() else np.zeros(sizes.shape[1])
    return np.column_stack([np.where(unknown[:, None], means, sizes), unknown])


_INVERSE_PENALTY = 10.0
"""Weak: sizes that lie near each other among others far off are to be told apart, too."""
_MOST_STEPS, _TOLERANCE = 100, 1e-3
"""Of 1,572 images in ten classes, 300 steps at a tenth of the tolerance moved no figure by more than 0.005, and took
three times as long."""


def balanced_accuracy(
    features: np.ndarray, classes: np.ndarray, asked: np.ndarray, truth: np.ndarray, seed: int
) -> float:
    """Mean over classes of the share of their rows that a logistic regression calls right.

    features: float (n, d), standardised here by their own mean and deviation; classes: (n,), what it is fitted to,
    every class with equal weight whatever its size. asked: (m, d); truth: (m,), with at least a row of every class.
    Deterministic: equal input gives an equal figure.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(
        StandardScaler(),
        LogisticRegression(
            C=_INVERSE_PENALTY, class_weight="balanced", tol=_TOLERANCE, max_iter=_MOST_STEPS, random_state=seed
        ),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last steps move weights, hardly a decision
        fitted.fit(features, classes)
    return float(balanced_accuracy_score(truth, fitted.predict(asked)))


Standing = Literal["told apart", "partly", "not told apart", "not asked"]

HALFWAY = 0.5
"""Share of the way from chance to 1 from which values count as told apart."""


@dataclass(frozen=True)
class Shortcut:
    """How well a linear probe tells an attribute's values apart by image statistics that know no anatomy."""

    attribute: str
    classes: list[str]
    """The values that were told apart, those with enough cases; fewer than two where the probe was not asked."""
    left_out: list[str]
    """Values with too few cases to fit or to measure a probe."""
    fold: str
    """Where it was measured: test, or val where no image of a test case was there."""
    n_fitted: int
    """Images of the train fold that the probe was fitted to."""
    n_measured: int
    accuracy: float | None
    """Balanced accuracy by all statistics together; None where the probe was not asked, and so the two below."""
    permuted: float | None
    """The same of probes fitted to the values in random order, their mean: what a probe reaches by itself."""
    deviation: float | None
    """Standard deviation of the balanced accuracy of a guess, for so many patients of each value."""
    groups: dict[str, float]
    """Group of statistics → balanced accuracy by that group alone."""

    @property
    def chance(self) -> float:
        return 1 / max(len(self.classes), 1)

    def gain(self, accuracy: float) -> float:
        """How much of the way from chance to 1 an accuracy goes; 0 where it lies below chance."""
        return max(0.0, (accuracy - self.chance) / (1 - self.chance)) if self.chance < 1 else 0.0

    @property
    def standing(self) -> Standing:
        """told apart: at least halfway from chance to 1, by all statistics or by a group of them, which few images can
        teach better. partly: all together lie above chance and the permuted probes by more than two standard
        deviations of a guess."""
        if self.accuracy is None or self.permuted is None or self.deviation is None:
            return "not asked"
        if self.gain(max(self.accuracy, *self.groups.values())) >= HALFWAY:
            return "told apart"
        return "partly" if self.accuracy > max(self.chance, self.permuted) + 2 * self.deviation else "not told apart"

    @property
    def strongest(self) -> str:
        """The group that alone reaches most, the first of equals; empty where the probe was not asked."""
        return max(self.groups, key=lambda group: self.groups[group], default="")

    @property
    def verdict(self) -> str:
        """A sentence on the attribute, for the report."""
        if self.accuracy is None:
            return f"{self.attribute} was not asked: fewer than two of its values have enough cases with pixels."
        by = (
            f"balanced accuracy {self.accuracy:.2f} where a guess reaches {self.chance:.2f}; {self.strongest} alone "
            f"reaches {self.groups[self.strongest]:.2f}"
        )
        match self.standing:
            case "told apart":
                return (
                    f"{self.attribute} can be told apart without anatomy ({by}). A method may rank it well by how "
                    "pictures were made, not by what they show."
                )
            case "partly":
                return (
                    f"{self.attribute} can be told apart in part without anatomy ({by}). What a method scores on "
                    "it need not all come from what pictures show."
                )
            case _:
                return f"{self.attribute} is not told apart by these statistics ({by})."


MAX_PROBE_IMAGES = 4000
N_PERMUTED = 3
FEWEST_FITTED, FEWEST_MEASURED = 5, 2
"""Cases of a value in either fold, below which it is left out."""


def audit_shortcuts(
    images: pa.Table, pixels: np.ndarray, labels: pa.Table, label_sets: pa.Table, vocabulary: Vocabulary, seed: int
) -> list[Shortcut]:
    """What pictures betray without anatomy: of each attribute of the vocabulary, of their origin, view and age group.

    images, labels, label_sets: contracts of those names; pixels: uint8, (rows, C, S, S), row number =
    IMAGES.pixel_row. Images without pixels, or whose case has no label set, take no part; of more than 4,000 a seeded
    draw does. An image takes part for an attribute of which it has exactly one value. Folds never share a patient.
    """
    known = images.filter(
        pc.and_(
            pc.is_valid(images["pixel_row"]), pc.is_in(images["bag_id"], value_set=labels["bag_id"].combine_chunks())
        )
    )
    drawn = np.sort(np.random.default_rng(seed).permutation(len(known))[:MAX_PROBE_IMAGES])
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
