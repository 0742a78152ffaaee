"""What each item of dvc.yaml reads beside data: the definitions its command starts from, and its settings.

An item is a stage, a gate, or a stage with the method or the kind of features it is run for, such as `train@lsh`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from components.quality import STAGES
from medhash.archives import reader_code
from medhash.core.params import Params
from medhash.hashing import method_code
from medhash.hashing.catalogue import find_method, with_overrides
from medhash.hashing.features import needs_backbone
from medhash.hashing.method_types import ShallowMethod, StructuredMethod, Unbinarised
from medhash.training import training_code

CUTS = (
    *reader_code.CUTS,
    *training_code.CUTS,
    # The gate whose suite is meant is named as a root.
    "components.quality.gate:suite_of",
    # Pages and records beside the results, and what is said at the end.
    "components.quality.docs:*",
    "components.quality.gate:describe",
    "components.quality.gate:failure",
    "components.train.record:*",
    "components.train.__main__:told",
    "components.labels.__main__:told",
    "components.evaluate.log:*",
    "components.split.split:describe_folds",
    "medhash.retrieval.evaluation.latency:measure_latency",
    # The templates are named as files.
    "components.report.page:_FOLDER",
    "components.report.page:_STYLE",
)
"""What is not followed beside what `own_code` leaves out."""
TEMPLATES = ("components/report/*.html", "components/report/*.css", "medhash/core/style.css")


@dataclass(frozen=True)
class Item:
    """roots: as `Code.fingerprint` takes them. settings: all that the item reads, defaults filled in."""

    name: str
    roots: tuple[str, ...]
    settings: dict[str, Any]
    files: tuple[str, ...] = ()


_INGEST = (
    "size_px",
    "ingest.source",
    "ingest.archive",
    "ingest.metadata_only",
    "ingest.max_rejected_share",
    "ingest.max_withdrawn_share",
    "ingest.max_image_pixels",
    "ingest.bags",
    "ingest.cut",
    "ingest.stain",
)
_NETWORK = (
    "train.epochs",
    "train.patience",
    "train.precision",
    "train.augment",
    "train.histogram_matching",
    "choose_by",
)
SETTINGS: dict[str, tuple[str, ...]] = {
    "split": ("seed", "split"),
    "labels": ("seed", "labels"),
    "similarity": (),
    "features": (),
    "encode": ("train.device", "train.threads", "encode"),
    "index": (),
    "evaluate": ("seed", "evaluate"),
    "report": (
        "seed",
        "bits",
        "size_px",
        "methods",
        "ingest.source",
        "ingest.bags",
        "ingest.cut",
        "split.strategy",
        "labels",
        "train.epochs",
        "train.precision",
        "train.augment",
        "train.threads",
        "choose_by",
    ),
    "gate-ingest": (
        "size_px",
        "ingest.metadata_only",
        "ingest.max_rejected_share",
        "ingest.bags",
        "ingest.cut",
        "quality.max_burned_in_share",
    ),
    "gate-split": ("split", "quality.fold_share_tolerance"),
    "gate-labels": (
        "labels",
        "quality.min_patients_per_label_and_fold",
        "quality.min_patients_of_half_a_fold",
        "quality.max_unlabelled_share",
    ),
    "gate-similarity": (),
    "gate-features": ("features",),
    "gate-train": ("methods", "bits", "quality.references"),
    "gate-encode": (
        "methods",
        "bits",
        "encode",
        "quality.max_bit_imbalance",
        "quality.max_dead_bit_share",
        "quality.min_distinct_code_share",
        "quality.references",
    ),
    "gate-index": ("methods", "bits"),
    "gate-evaluate": ("methods", "bits"),
}
"""Stage → keys of params.yaml; the functions below add what hangs on the archive's layout and on the methods."""


def items_of(params: Params) -> Iterator[Item]:
    """Every item but the plan itself. Raises MedhashError for an unknown method or override."""
    encoding = tuple(dict.fromkeys(root for name in params.methods for root in _encoding_roots(name)))
    yield _ingest(params)
    for stage in ("split", "labels", "similarity"):
        yield _plain(params, stage)
    for kind in params.features:
        yield Item(f"features@{kind}", (_main("features"), *_backbone_roots(kind)), {})
    for method in params.methods:
        yield _train(params, method)
        yield _plain(params, "encode", method, *_encoding_roots(method))
        yield _plain(params, "index", method)
        yield _plain(params, "evaluate", method)
    for stage in STAGES:
        yield _gate(params, stage, encoding if stage == "train" else ())
    yield Item("report", (_main("report"), *encoding), _chosen(params, SETTINGS["report"]), TEMPLATES)


def _plain(params: Params, stage: str, item: str = "", *roots: str) -> Item:
    return Item(f"{stage}@{item}" if item else stage, (_main(stage), *roots), _chosen(params, SETTINGS[stage]))


def _gate(params: Params, stage: str, loaded: tuple[str, ...]) -> Item:
    """The gate of features passes each method for what it reads."""
    settings = _chosen(params, SETTINGS[f"gate-{stage}"])
    if stage == "features":
        settings["reads"] = {name: method_code.features_read_by(name) for name in params.methods}
    roots = ("components.quality.__main__:main", f"components.{stage}.gate:inspect", *loaded)
    return Item(f"gate-{stage}", roots, settings)


def _ingest(params: Params) -> Item:
    """The settings of the layouts that are read, and of no other."""
    keys = [f"ingest.{name}" for name in reader_code.layouts_of(params.ingest) if hasattr(params.ingest, name)]
    return Item(
        "ingest", (_main("ingest"), *reader_code.reading_roots(params.ingest)), _chosen(params, [*_INGEST, *keys])
    )


def _train(params: Params, name: str) -> Item:
    """The method's row with its overrides; of methods without a network, no setting of one."""
    method = with_overrides(find_method(name), params.train.overrides.get(name, {}))
    weights = params.train.initial_weights.get(name)
    keys = ["seed", "bits", "size_px", "train.device", "train.threads"]
    if not isinstance(method, ShallowMethod | Unbinarised):
        keys += _NETWORK
    if isinstance(method, StructuredMethod):
        keys.append("sub_codes")
    settings = _chosen(params, keys) | {"method": method_code.row_settings(method)}
    if weights is not None:
        settings["train.initial_weights"] = weights
    return Item(f"train@{name}", (_main("train"), *training_code.training_roots(method, weights is not None)), settings)


def _encoding_roots(name: str) -> list[str]:
    return method_code.encoding_roots(find_method(name))


def _backbone_roots(kind: str) -> tuple[str, ...]:
    return method_code.BACKBONE if needs_backbone(kind) else ()


def _main(stage: str) -> str:
    return f"components.{stage}.__main__:main"


def _chosen(params: Params, keys: Iterable[str]) -> dict[str, Any]:
    """Dotted key → value as JSON has it."""
    document, chosen = params.model_dump(mode="json"), {}
    for key in keys:
        value = document
        for part in key.split("."):
            value = value[part]
        chosen[key] = value
    return chosen
