"""The JSON documents that stages hand each other, as strict typed models."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from medhash.core.errors import MedhashError
from medhash.core.files import write_json


class Document(BaseModel):
    """A JSON file whose keys and types are fixed: an unknown or ill-typed key is an error naming it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def read(cls, path: Path) -> Self:
        if not path.exists():
            raise MedhashError(f"{path} does not exist", "run the stage that writes it, or `dvc repro`")
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "the document"
            raise MedhashError(
                f"{path}: {key}: {first['msg']}", "restore it with `dvc checkout`, or run its stage again"
            ) from error

    def write(self, path: Path) -> None:
        write_json(path, self.model_dump(mode="json"))


class Attribute(Document):
    """An attribute that labels are combinations of, such as organ: its values, and which of them a label has."""

    name: str
    values: list[str]
    of_label: list[int | None]
    """For every label of the vocabulary: index into `values`; None where that combination does not know it."""


class Vocabulary(Document):
    """The labels a data set knows, in index order; LABEL_SETS.labels points into `labels`."""

    attribute: str
    """Of `combination`, a label says one value of each of `attributes`, such as `mr · brain · glioma`."""
    labels: list[str]
    attributes: list[Attribute] = []
    """What the labels are combinations of; empty for labels that are no combinations."""
    n_bags: dict[str, dict[str, int]]
    """Label → fold → bags that carry it."""
    n_unlabelled: dict[str, int]
    """Fold → bags with an empty label set."""


class SubCode(Document):
    """A named range of bits [start, stop) of a code."""

    name: str
    start: int
    stop: int


class ModelSpec(Document):
    """model.json: all that is needed to rebuild a model around weights.safetensors, and what it was trained on."""

    format: Literal[2] = 2
    method: str
    family: Literal["shallow", "deep", "two-step", "head"]
    """shallow: GIST, then an encoder; deep: a network; head: a network on frozen features; two-step: a network, then an
    encoder on its features."""
    bits: int
    input: str
    """pixels, or kinds of features joined by `+`."""
    size_px: int
    network: dict[str, str | int | float]
    """Depth, width, kind … as medhash.hashing.networks takes them; shallow: empty."""
    coder: str
    """How a shallow or two-step method turns features into a code: a name in medhash.hashing.encoders; deep: empty."""
    sub_codes: list[SubCode]
    labels: list[str]
    """The vocabulary at training time."""
    attributes: list[Attribute] = []
    """What the sub-codes are about, one each in their order; empty for a code of one part."""
    rules: list[int] = []
    """Labels that the rules of fuzzy inference are made of."""
    settings: dict[str, str | int | float | bool | None]
    """The recipe that was used: loss weights, optimiser, epochs run …"""
    data_digest: str
    """SHA-256 over images, split and labels tables."""
    weights_sha256: str


class FeaturesInfo(Document):
    """KIND.json beside features: which weights made them."""

    kind: str
    weights_sha256: str | None
    """Of the backbone's safetensors file; None of GIST."""


class Check(Document):
    """One expectation of a gate: whether it holds, and which rows break it."""

    expectation: str
    """In words, such as `no patient is in two folds`."""
    about: str
    """The table or method it is about."""
    success: bool
    observed: str
    offending: list[str]
    """Up to 20 offending rows, by row number or pseudonym, never an identifying value."""


class GateReport(Document):
    """What a gate found after a stage."""

    stage: str
    success: bool
    checks: list[Check]


class Interval(Document):
    """A figure with its 95 % interval, bootstrapped over patients."""

    value: float
    low: float
    high: float


class CurvePoint(Document):
    """Precision and recall of everything within a Hamming radius (bits), averaged over queries."""

    radius: int
    precision: float
    recall: float


class Figures(Document):
    """The retrieval figures of one ranking; ties are taken in expectation unless the name says otherwise."""

    map: float
    """Mean average precision over the whole ranking."""
    map_worst_ties: float
    map_best_ties: float
    ndcg_at_100: float
    """Normalised discounted cumulative gain of the first 100; the gain grows with the number of shared labels."""
    ndcg_at_100_worst_ties: float
    ndcg_at_100_best_ties: float
    acg_at_100: float
    """Average cumulative gain: mean number of shared labels of the first 100."""
    acg_at_100_worst_ties: float
    acg_at_100_best_ties: float
    weighted_map: float
    """Mean over the relevant places of ACG up to there; may exceed 1."""
    weighted_map_worst_ties: float
    weighted_map_best_ties: float
    precision_at_1: float
    """Share of the first one that is relevant; likewise of the first 5 and 10."""
    precision_at_5: float
    precision_at_10: float
    precision_h2: float
    """Precision within Hamming radius 2; an empty ball counts as 0."""
    empty_ball_rate: float
    """Share of queries with nothing within Hamming radius 2."""


class GalleryFigures(Document):
    """How far retrieval beats what a gallery gives by itself: test queries against it, own patient left out."""

    n_queries: int
    """Answerable ones; with n_patients, what stands behind lift."""
    n_patients: int
    n_gallery: int
    map: float
    map_permuted: float
    """MAP of the same rankings with the queries' labels exchanged."""
    lift: Interval
    """map − map_permuted."""
    lift_within: dict[str, Interval]
    """`view`, `age`, `archive` … → lift where labels are exchanged only among queries of one value: what is left when
    that is held fixed."""
    neighbours: int
    """k of the AUC."""
    knn_auc: Interval | None
    """Mean over labels of the ROC-AUC of the k nearest cases' vote; a guess gives 0.5. None without a label."""
    label_auc: dict[str, float]


class SliceFigures(Document):
    """Retrieval for a part of the test queries, such as those that carry one label; ties in expectation."""

    n_queries: int
    n_answerable: int
    """Queries of the slice to which something in the gallery is relevant; the figures are their means."""
    n_patients: int
    """Patients of the answerable queries."""
    map: float | None
    """None where no query of the slice is answerable; so are the two below."""
    chance_map: float | None
    """MAP of the same queries for a gallery in random order."""
    ndcg_at_100: float | None
    precision_at_10: float | None
    interval: Interval | None
    """Of MAP, resampling the patients of all queries; None for fewer than two patients."""
    lift: Interval | None = None
    """How far MAP lies above what other queries' rankings give for these labels; None where interval is."""


class Difference(Document):
    """How far one method lies above another on the same queries: mean, 95 % interval over patients, two-sided p."""

    value: float
    low: float
    high: float
    p_value: float


class AttributeFigures(Document):
    """Retrieval where relevant is what shares a value of one attribute (or, `joint`, a combination).

    Cases whose value of the attribute is not known are no queries and not in the gallery. Ties in expectation.
    """

    n_queries: int
    """Answerable ones."""
    n_gallery: int
    map: float
    chance_map: float
    """Of a gallery in random order."""
    exchanged_map: float
    """MAP with the queries' values permuted: the baseline for a gallery that is training data."""
    ndcg_at_100: float
    """joint: the gain of a case grows with the number of attributes that it shares with the query."""
    chance_ndcg_at_100: float
    precision_at_10: float
    interval: Interval
    """Of MAP."""


class Satisfaction(Document):
    """Preference satisfaction: the share of the k nearest that have the query's value of an attribute."""

    k: int
    n_queries: int
    plain: float
    """In the order of the whole code."""
    preferred: float | None
    """In the order of that attribute's sub-code, the whole code after it; None of a code without such a part."""
    chance: float


class CalibrationBin(Document):
    """Cases whose greatest membership lies in (low, high], or bits whose confidence does."""

    low: float
    high: float
    n: int
    confidence: float
    """Their mean."""
    accuracy: float
    """Share of the cases that have the value of greatest membership; of the bits, those that are as most training
    cases' of the same combination."""


class Calibration(Document):
    """How far memberships, or the confidence of bits, equal the observed accuracy. Test cases; empty bins left out."""

    n: int
    bins: list[CalibrationBin]
    expected_error: float
    """Expected calibration error: Σ n_bin / n · |accuracy - confidence|."""


class StructuredFigures(Document):
    """Retrieval by the attributes that labels are combinations of: modality, organ, pathology …"""

    joint: AttributeFigures | None
    """Relevant is what shares a combination; None where no query is answerable, and so below."""
    attributes: dict[str, AttributeFigures | None]
    """Attribute → by the whole code."""
    sub_codes: dict[str, dict[str, AttributeFigures | None]]
    """Sub-code → attribute → by that sub-code alone; empty for a code of one part."""
    preference: dict[str, Satisfaction]
    """Attribute → what the whole code gives, and what preferring it does."""
    combinations: dict[str, AttributeFigures | None]
    """`seen` and `held out` → joint figures of the queries whose combination the train fold holds, or does not."""
    calibration: dict[str, Calibration]
    """Attribute, and `bits` → where the code table keeps confidence (encode.confidence)."""


class Headline(Document):
    """headline.json of a method: the few figures that `dvc metrics show` puts in a row; metrics.json has them all.

    None where a figure could not be measured.
    """

    lift: float | None
    """Test queries against the gallery that serves (train and val): MAP − MAP with the queries' labels exchanged."""
    lift_low: float | None
    lift_high: float | None
    unseen_lift: float | None
    """Against the cases of val and test, which no training has seen."""
    unseen_low: float | None
    unseen_high: float | None
    knn_auc: float | None
    """Of the labels of the nearest cases, in the gallery that serves."""
    unseen_auc: float | None
    validation_lift: float | None
    """What epochs, settings and challengers are chosen by."""
    map: float
    map_permuted: float | None
    map_chance: float
    """MAP of a gallery in random order."""


class Metrics(Document):
    """metrics.json of a method: test queries against the gallery (train and val folds), and the validation figure."""

    method: str
    bits: int
    n_queries: int
    n_gallery: int
    no_relevant_rate: float
    """Share of queries to which nothing in the gallery is relevant; the means leave them out."""
    figures: Figures
    chance: Figures
    """The same figures for a gallery in random order."""
    intervals: dict[str, Interval]
    """Field of Figures → interval."""
    slices: dict[str, dict[str, SliceFigures]]
    """`label`, `view`, `sex` and `age` → value → the queries that have it; a query with two labels is in two slices."""
    curve: list[CurvePoint]
    seen: GalleryFigures | None = None
    """Against the gallery that serves. None in documents of earlier versions, and below, too."""
    unseen: GalleryFigures | None = None
    """Test queries against the cases of val and test."""
    validation_lift: float | None = None
    """Lift of val cases that search each other; what epochs, settings and challengers are chosen by."""
    validation_map: float | None
    """val queries against the train fold. None without a val fold."""
    validation_chance: float | None
    structured: StructuredFigures | None = None
    """None where labels are no combinations of attributes."""
    n_distinct_codes: int
    """Among the gallery's codes."""
    bit_balance: list[float]
    """Share of gallery codes in which each bit is 1."""
    evaluation_digest: str
    """SHA-256 over query ids, gallery ids and their label sets: equal digests mean comparable figures."""
    model_digest: str
