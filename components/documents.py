"""The JSON documents that stages hand each other, as strict typed models."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from components.errors import MedhashError
from components.files import write_json


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
            raise MedhashError(f"{path}: {key}: {first['msg']}",
                               "restore it with `dvc checkout`, or run its stage again") from error

    def write(self, path: Path) -> None:
        write_json(path, self.model_dump(mode="json"))


class Vocabulary(Document):
    """The labels a data set knows, in index order; LABEL_SETS.labels points into `labels`."""

    attribute: str
    labels: list[str]
    n_images: dict[str, dict[str, int]]
    """Label → fold → images that carry it."""
    n_unlabelled: dict[str, int]
    """Fold → images with an empty label set."""


class SubCode(Document):
    """A named range of bits [start, stop) of a code."""

    name: str
    start: int
    stop: int


class ModelSpec(Document):
    """model.json: all that is needed to rebuild a model around weights.safetensors, and what it was trained on."""

    format: Literal[1] = 1
    method: str
    family: Literal["shallow", "deep"]
    bits: int
    input: Literal["gist-512", "pixels"]
    size_px: int
    network: dict[str, str | int | float]
    """Deep: depth, width, kind … as hashing.networks takes them; shallow: empty."""
    sub_codes: list[SubCode]
    labels: list[str]
    """The vocabulary at training time."""
    settings: dict[str, str | int | float | bool | None]
    """The recipe that was used: loss weights, optimiser, epochs run …"""
    data_digest: str
    """SHA-256 over images, split and labels tables."""
    weights_sha256: str


class Check(Document):
    """One expectation of a gate: did it hold, and where not."""

    expectation: str
    """In words, e.g. 'no patient stands in two folds'."""
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
    map_worst_ties: float
    map_best_ties: float
    ndcg_at_100: float
    acg_at_100: float
    weighted_map: float
    precision_h2: float
    """An empty Hamming ball counts as 0."""
    empty_ball_rate: float


class Metrics(Document):
    """metrics.json of a method: test queries against the gallery (train and val folds), and the validation figure."""

    method: str
    bits: int
    n_queries: int
    n_gallery: int
    no_relevant_rate: float
    """Share of queries to which nothing in the gallery is relevant; they stand outside the means."""
    figures: Figures
    chance: Figures
    """The same figures for a gallery in random order."""
    intervals: dict[str, Interval]
    """Field of Figures → interval."""
    curve: list[CurvePoint]
    validation_map: float
    """val queries against the train fold; what settings and challengers are chosen by."""
    validation_chance: float
    n_distinct_codes: int
    """Among the gallery's codes."""
    bit_balance: list[float]
    """Share of gallery codes in which each bit is 1."""
    evaluation_digest: str
    """SHA-256 over query ids, gallery ids and their label sets: equal digests mean comparable figures."""
    model_digest: str
