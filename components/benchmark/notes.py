"""Where and why figures differ from the paper's: generated from what ran, never from what was expected."""

import ast
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.benchmark.cells import Cell
from components.benchmark.code import imported, modules_of, path_of
from components.benchmark.items import Asked
from components.benchmark.results import Measured
from components.benchmark.sets import SetWorkspace
from components.contracts import IMAGES, LABELS, read_table
from components.documents import Vocabulary
from components.hashing.methods import find_method
from components.members import read_members
from components.params import Params

_DEVIATION = re.compile(r"[Dd]eviations?:\s*(.*?)(?=\n\s*\n|\s+(?:Raises|Source:)|\Z)", re.DOTALL)


def conditions(workspace: SetWorkspace, asked: Asked, results: list[Measured], params: Params) -> list[dict[str, str]]:
    """What the figures were measured under, beside the paper's conditions: aspect, paper, here."""
    labels = read_table(workspace.labels, LABELS)
    vocabulary = Vocabulary.read(workspace.vocabulary)
    facts = [fact for result in results for fact in result.facts.values()]
    epochs = sorted({fact.n_epochs for fact in facts if fact.model.family != "shallow"})
    started = sorted(
        {fact.method for fact in facts if fact.model.settings.get("initial_weights", "random") != "random"}
    )
    features = sorted({fact.model.input for fact in facts if fact.model.family == "shallow"})
    here = {
        "data set": f"{workspace.name} (ingest.source {params.ingest.source})",
        **_extent(workspace, labels, params),
        "labels": f"{len(vocabulary.labels)} ({', '.join(vocabulary.labels)}); No Finding: {params.labels.no_finding}; "
        f"cases without a label: {params.labels.unlabelled}",
        "folds": f"{params.split.strategy}"
        + ("" if params.split.strategy == "official" else f", {params.split.test_share:.0%} of patients in test"),
        "image size": f"{params.size_px} px",
        "epochs": f"{params.train.epochs} asked for; run: {', '.join(map(str, epochs)) or 'no network was trained'}",
        "initial weights": f"random, but for {', '.join(started)}" if started else "random in every row",
        "features of shallow methods": ", ".join(features) or "no shallow method ran",
        "order of ties": "expected over random order (worst and best stand in each row's metrics.json)",
        "seeds": ", ".join(map(str, asked.seeds)),
        "devices": ", ".join(sorted({fact.device for fact in facts})) or "nothing ran",
    }
    paper = dict(asked.table.conditions)
    return [
        {"aspect": aspect, "paper": paper.get(aspect, "not said" if paper else "–"), "here": value}
        for aspect, value in here.items()
    ]


def _extent(workspace: SetWorkspace, labels: pa.Table, params: Params) -> dict[str, str]:
    """How many images, or bags of images, of how many patients, fold by fold."""
    fold = labels["fold"].to_numpy()
    counts = ", ".join(f"{name} {np.sum(fold == name):,}" for name in ("train", "val", "test"))
    n_patients = pc.count_distinct(labels["patient_id"]).as_py()
    sizes = read_members(read_table(workspace.images, IMAGES)).of(np.sort(labels["bag_id"].to_numpy())).sizes
    if sizes.max() == 1:
        return {"images": f"{len(labels):,} of {n_patients:,} patients: {counts}"}
    ingest = params.ingest
    cut = f"{ingest.cut.grid} × {ingest.cut.grid} tiles" if ingest.cut.into == "grid" else ingest.cut.into
    return {
        "images": f"{sizes.sum():,} in {len(labels):,} bags of {n_patients:,} patients",
        "bags": f"by {ingest.bags.by}, images cut into: {cut}; {sizes.min():,} – {sizes.max():,} in a bag, median "
        f"{np.median(sizes):g}; {counts}; label of a bag: {params.labels.bag}",
        "stain": ingest.stain,
    }


def below_chance(asked: Asked, cells: list[Cell], results: list[Measured]) -> list[str]:
    """The paper's own cells that lie below the chance level of the data set that ran."""
    told = []
    for figure in asked.table.figures:
        for cell in (one for one in cells if one.figure == figure and one.paper is not None):
            chance = next(
                (result.chance(figure) for result in results if result.seeds and result.bits == cell.bits), None
            )
            if chance is not None and cell.paper is not None and cell.paper < chance:
                told.append(f"{cell.row}, {cell.bits} bits: {cell.title} {cell.paper:.4f} < chance {chance:.4f}")
    return told


def deviations(results: list[Measured]) -> list[dict[str, Any]]:
    """What the code of the rows that ran says about its deviations from its sources: file, text, methods."""
    found: dict[tuple[str, str], list[str]] = {}
    for method in dict.fromkeys(result.row.method for result in results if result.seeds):
        for module in imported(modules_of(find_method(method))):
            if module.startswith("components.hashing."):
                for text in deviations_of(module):
                    methods = found.setdefault((module, text), [])
                    methods.append(method)
    return [{"module": module, "text": text, "methods": methods} for (module, text), methods in sorted(found.items())]


def deviations_of(module: str) -> list[str]:
    """The `Deviation: …` passages of a module's docstrings, each to the end of its paragraph."""
    texts = []
    for node in ast.walk(ast.parse(path_of(module).read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for passage in _DEVIATION.findall(ast.get_docstring(node) or ""):
                texts.append(" ".join(passage.split()))
    return texts
