"""Where and why figures differ from the paper's: generated from what ran, never from what was expected."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.benchmark.cells import Cell
from medhash.benchmark.code import deviations_of
from medhash.benchmark.items import Asked
from medhash.benchmark.papers import NEAREST, TITLES
from medhash.benchmark.results import Measured
from medhash.core.contracts import IMAGES, LABELS, read_table
from medhash.core.data_sets import SetWorkspace
from medhash.core.documents import Vocabulary
from medhash.core.params import Params
from medhash.hashing.catalogue import find_method
from medhash.retrieval.members import read_members

_NO_WIDTH = 1e-9


def uncertainty_notes(asked: Asked, results: list[Measured], cells: list[Cell]) -> list[str]:
    """Sentences about the table's first figure; none where nothing was measured.

    A percentile interval of n patients is too narrow by a factor of √(1 - 1/n) at least: the spread within a
    resample has n in its divisor, not n - 1 (Efron & Tibshirani 1993, ch. 13).
    """
    figure = asked.table.figures[0]
    shown = [cell for cell in cells if cell.figure == figure and cell.mean is not None]
    if not shown:
        return []
    n_queries, n_patients = _asked(results)
    title = TITLES[figure]
    widest = max(shown, key=lambda cell: (cell.high or 0.0) - (cell.low or 0.0))
    low, high = widest.low or 0.0, widest.high or 0.0
    above = [cell for cell in shown if cell.not_above_chance is None]
    chance = widest.chance or 0.0
    names = _named(above, asked)
    verb = "lies" if 1 in (len(above), len(shown)) else "lie"
    notes = [
        f"{_count(n_queries, 'query', 'queries')} of {_count(n_patients, 'patient')} are answerable by the gallery's "
        f"{_count(shown[0].n_gallery or 0, 'case')}. One patient contributes {1 / n_patients:.1%} of a figure on "
        "average.",
        f"The widest 95 % interval of {title} is that of {widest.row} at {widest.bits} bits: {low:.3f} – {high:.3f}, "
        f"{high - low:.3f} wide. It {'holds' if low <= chance <= high else 'does not hold'} chance, {chance:.3f}.",
        f"{len(above)} of {_count(len(shown), 'figure')} of {title} {verb} above chance with the interval of every seed"
        f"{': ' if above else ''}{names}.",
        *(_permuted(shown, asked, results) if asked.table.by_class else []),
        *_differences(shown, title),
        *_without_width(shown, n_patients, asked),
    ]
    notes += [
        f"{TITLES[name]} cannot differ from chance in a gallery of {_count(shown[0].n_gallery or 0, 'case')}: the "
        "whole gallery is among the nearest."
        for name, k in NEAREST.items()
        if name in asked.table.figures and (shown[0].n_gallery or 0) <= k
    ]
    if n_patients > 1:
        trainings = "There is one seed." if len(asked.seeds) == 1 else "The ± over seeds does."
        notes.append(
            f"With {n_patients:,} patients the intervals are too narrow by at least "
            f"{1 - np.sqrt(1 - 1 / n_patients):.1%}. They do not cover another gallery, nor the spread between "
            f"training runs. {trainings}"
        )
    return notes


def _differences(shown: list[Cell], title: str) -> list[str]:
    compared = [(cell, cell.to_best) for cell in shown if cell.to_best is not None]
    if not compared:
        return []
    apart = [cell for cell, difference in compared if difference.low > 0 or difference.high < 0]
    half = float(np.median([(difference.high - difference.low) / 2 for _, difference in compared]))
    n = len(compared)
    return [
        f"{len(apart)} of {_count(n, 'difference')} to the best row of the same bits {_has(apart)} an interval "
        f"without 0; about {0.05 * n:.1f} would have one by chance alone. The median half-width of these intervals is "
        f"{half:.3f}. These patients cannot separate rows whose {title} differs by less."
    ]


def _permuted(shown: list[Cell], asked: Asked, results: list[Measured]) -> list[str]:
    """MAP with exchanged query labels, the mean over seeds; of rows where it was measured."""
    permuted = {
        (result.row.name, result.bits): sum(values) / len(values)
        for result in results
        if (values := [one.seen.map_permuted for one in result.metrics if one.seen is not None])
    }
    known = [(cell, permuted[cell.row, cell.bits]) for cell in shown if (cell.row, cell.bits) in permuted]
    if not known:
        return []
    least, most = (choose(known, key=lambda found: found[1]) for choose in (min, max))
    above = [cell for cell, value in known if (cell.low or 0.0) > value]
    return [
        f"With permuted query labels the same rankings score MAP {least[1]:.3f} ({_named([least[0]], asked)}) to "
        f"{most[1]:.3f} ({_named([most[0]], asked)}), because their codes form groups. P@k does not gain from groups. "
        f"The widest interval lies above the permuted-label baseline for {len(above)} of {len(known)}"
        f"{': ' if above else ''}{_named(above, asked)}."
    ]


def _without_width(shown: list[Cell], n_patients: int, asked: Asked) -> list[str]:
    """Where n patients all fare alike, a share of up to 1 - 0.05^(1/n) may fare otherwise (one-sided 95 % limit)."""
    alike = [cell for cell in shown if (cell.high or 0.0) - (cell.low or 0.0) < _NO_WIDTH]
    if not alike:
        return []
    exceptions = 1 - 0.05 ** (1 / n_patients)
    return [
        f"No interval has width where all queries score the same ({_named(alike, asked)}). This is no "
        f"certainty: after {_count(n_patients, 'patient')} without an exception, up to {exceptions:.0%} may be "
        "exceptions (95 %)."
    ]


def _named(cells: list[Cell], asked: Asked) -> str:
    return "; ".join(cell.row + (f" ({cell.bits} bits)" if len(asked.bits) > 1 else "") for cell in cells)


def _asked(results: list[Measured]) -> tuple[int, int]:
    """Queries to which something is relevant, and their patients."""
    queries = next(result.queries for result in results if result.queries is not None)
    answerable = queries["n_relevant"].to_numpy() > 0
    patients = queries["patient_id"].to_numpy()[answerable]
    return int(answerable.sum()), len(set(patients.tolist()))


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def _has(found: list[Cell]) -> str:
    return "has" if len(found) == 1 else "have"


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
    notes = []
    for figure in asked.table.figures:
        for cell in (one for one in cells if one.figure == figure and one.paper is not None):
            chance = next(
                (result.chance(figure) for result in results if result.seeds and result.bits == cell.bits), None
            )
            if chance is not None and cell.paper is not None and cell.paper < chance:
                notes.append(f"{cell.row}, {cell.bits} bits: {cell.title} {cell.paper:.4f} < chance {chance:.4f}")
    return notes


def deviations(results: list[Measured]) -> list[dict[str, Any]]:
    """What the code of the rows that ran says about its deviations from its sources: file, text, methods."""
    found: dict[tuple[str, str], list[str]] = {}
    for method in dict.fromkeys(result.row.method for result in results if result.seeds):
        for module, text in deviations_of(find_method(method)):
            found.setdefault((module, text), []).append(method)
    return [{"module": module, "text": text, "methods": methods} for (module, text), methods in sorted(found.items())]
