"""The inputs of the report: tables and documents of one run, read once and checked."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from medhash.core.contracts import IMAGES, LABEL_SETS, LABELS, QUERIES, REJECTED, read_table
from medhash.core.documents import Document, GateReport, Headline, Metrics, ModelSpec, Vocabulary
from medhash.core.errors import MedhashError
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.retrieval.evaluation.headline import by_validation
from medhash.retrieval.members import Members, read_members


class History(Document):
    """history.json of a model: a row per epoch; a method fitted in one step has one row."""

    best_epoch: int
    """Row of the weights that were kept."""
    epochs: list[dict[str, float | None]]


@dataclass(frozen=True)
class Run:
    """The tables and documents of one run; the dictionaries are in the order of params.methods."""

    workspace: Workspace
    params: Params
    metrics: dict[str, Metrics]
    headlines: dict[str, Headline]
    specs: dict[str, ModelSpec]
    histories: dict[str, History]
    """Methods that were trained over several epochs."""
    latencies: dict[str, dict[str, float]]
    gates: list[GateReport]
    vocabulary: Vocabulary
    images: pa.Table
    members: Members
    """The images of each case that have pixels."""
    rejected: pa.Table
    labels: pa.Table
    label_sets: pa.Table
    queries: pa.Table
    """Per-query table of the best method."""

    @property
    def is_validated(self) -> bool:
        """Was every method measured on validation patients, so that one is best by it."""
        return len(by_validation(self.metrics, self.params)) == len(self.metrics)

    @property
    def chosen_by(self) -> str:
        """The validation figure that methods are chosen by, in words."""
        return "MAP" if self.params.choose_by == "map" else "lift"

    @property
    def best(self) -> str:
        return best_method(self.metrics, self.params)

    @property
    def has_bags(self) -> bool:
        """Is a case of this archive more than one image?"""
        return len(self.images["bag_id"].unique()) < len(self.images)

    def names_of_sets(self) -> list[list[str]]:
        """Label names per set_id."""
        rows = sorted(zip(self.label_sets["set_id"].to_pylist(), self.label_sets["labels"].to_pylist(), strict=True))
        return [[self.vocabulary.labels[index] for index in indices] for _, indices in rows]


def best_method(metrics: dict[str, Metrics], params: Params) -> str:
    """The method with the highest validation figure (params.choose_by); of equals, the first by name.

    Without one for every method, the first method of params.yaml: test figures must not choose.
    """
    figures = by_validation(metrics, params)
    if len(figures) < len(metrics):
        return next(iter(metrics))
    return min(figures, key=lambda method: (-figures[method], method))


def read_run(workspace: Workspace, params: Params) -> Run:
    """Read what the stages left. Raises MedhashError naming the file that is missing or broken."""
    methods = params.methods
    metrics = {method: Metrics.read(workspace.metrics(method) / "metrics.json") for method in methods}
    specs = {
        method: ModelSpec.read(path) for method in methods if (path := workspace.model(method) / "model.json").exists()
    }
    gate_files = sorted(workspace.gate("any").parent.glob("*.json"))
    images = read_table(workspace.images, IMAGES)
    return Run(
        workspace=workspace,
        params=params,
        metrics=metrics,
        headlines={method: Headline.read(workspace.metrics(method) / "headline.json") for method in methods},
        specs=specs,
        histories={
            method: history
            for method in methods
            if len((history := History.read(workspace.model(method) / "history.json")).epochs) > 1
        },
        latencies={method: _json(workspace.latency(method), {}) for method in methods},
        gates=sorted((GateReport.read(path) for path in gate_files), key=lambda gate: _stage_order(gate.stage)),
        vocabulary=Vocabulary.read(workspace.vocabulary),
        images=images,
        members=read_members(images),
        rejected=read_table(workspace.rejected, REJECTED),
        labels=read_table(workspace.labels, LABELS),
        label_sets=read_table(workspace.label_sets, LABEL_SETS),
        queries=read_table(workspace.metrics(best_method(metrics, params)) / "queries.parquet", QUERIES),
    )


_STAGES = ("ingest", "split", "labels", "similarity", "features", "train", "encode", "index", "evaluate")


def _stage_order(stage: str) -> tuple[int, str]:
    return (_STAGES.index(stage) if stage in _STAGES else len(_STAGES), stage)


def _json(path: Path, absent: Any) -> Any:
    """A JSON document that not every method or machine has."""
    if not path.exists():
        return absent
    try:
        document = json.loads(path.read_text())
    except ValueError as error:
        raise MedhashError(f"{path} is not valid JSON: {error}", "run the stage that writes it again") from error
    return document
