"""The page: all sections in one HTML document that loads nothing from elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.report.data_cards import data_cards
from components.report.glossary import glossary
from components.report.metric_table import metric_table, paper_settings, slice_tables, uncertainty_notes
from components.report.plots import bit_balance, learning_curves, lift_bars, precision_recall
from components.report.retrievals import retrievals
from components.report.run import Run
from components.report.shortcuts import shortcut_sections, shortcuts_of
from components.report.structured import structured_sections
from medhash.core.files import sha256_files
from medhash.core.origins import origins
from medhash.retrieval.code_map import code_map
from medhash.retrieval.code_table import read_codes, unpacked_bytes

MOST_CODES = 1000
FEWEST_CODES = 8


def codes_view(run: Run) -> dict[str, Any]:
    """The picture and how many codes it shows; no picture for fewer than eight codes."""
    table = read_codes(run.workspace.codes(run.best))
    folds = np.array(table["fold"].to_pylist())
    random = np.random.default_rng(run.params.seed)
    test, gallery = (random.permutation(np.flatnonzero(member)) for member in (folds == "test", folds != "test"))
    n_test = min(len(test), max(MOST_CODES // 2, MOST_CODES - len(gallery)))
    rows = np.sort(np.concatenate([test[:n_test], gallery[: MOST_CODES - n_test]]))
    if len(rows) < FEWEST_CODES:
        return {"uri": "", "n_codes": len(rows)}
    chosen = table.take(rows)
    codes = unpacked_bytes(chosen["code"].combine_chunks())
    set_of = dict(zip(run.labels["bag_id"].to_pylist(), run.labels["set_id"].to_pylist(), strict=True))
    names = run.names_of_sets()
    labels = [names[set_of[bag_id]] for bag_id in chosen["bag_id"].to_pylist()]
    return {"uri": code_map(codes, labels, run.params.seed), "n_codes": len(rows)}


def summary(run: Run) -> dict[str, Any]:
    """Figures of the page's head, and `rows` (name, value) of the table of run metadata."""
    params, workspace = run.params, run.workspace
    best = run.metrics[run.best]
    cases = "cases" if run.has_bags else "images"
    cut = params.ingest.cut
    digest = sha256_files([workspace.images, workspace.split, workspace.labels])
    return {
        "best": best,
        "n_images": len(run.images),
        "images": "Images" if cut.into == "whole" else "Parts of images",
        "n_cases": len(run.images["bag_id"].unique()),
        "n_patients": len(run.images["patient_id"].unique()),
        "rows": [
            ("Archive", f"{params.ingest.source}, stored at {params.size_px} × {params.size_px} px"),
            *(
                [
                    (
                        "Cases",
                        f"bags, one per {params.ingest.bags.by}, of "
                        f"{'images' if cut.into == 'whole' else f'parts of images: {cut.into}'}",
                    )
                ]
                if run.has_bags
                else []
            ),
            ("Methods", ", ".join(params.methods)),
            ("Code length", f"{params.bits} bits"),
            ("Split", f"{params.split.strategy}; every patient is in one fold"),
            ("Labels", _labels(run)),
            (
                "Training",
                f"up to {params.train.epochs} epochs, {params.train.precision}, "
                f"{'with' if params.train.augment else 'without'} augmentation, seed {params.seed}",
            ),
            (
                "Queries and gallery",
                f"{best.n_queries:,} test {cases} search {best.n_gallery:,} {cases} of other patients in the train and "
                "val folds",
            ),
            ("Data digest", digest[:16]),
            ("Evaluation digest", best.evaluation_digest[:16]),
            ("Git commit", origins(workspace.root)["git_commit"]),
        ],
    }


def _labels(run: Run) -> str:
    n_labels, settings = len(run.vocabulary.labels), run.params.labels
    if run.vocabulary.attributes:
        names = ", ".join(attribute.name for attribute in run.vocabulary.attributes)
        return f"{n_labels} combinations of {names}"
    return f"attribute {settings.attribute!r}, {n_labels} labels; labels.no_finding: {settings.no_finding}"


_FOLDER = Path(__file__).parent
_STYLE = _FOLDER.parents[1] / "medhash" / "core" / "style.css"


def run_plots(run: Run) -> dict[str, str]:
    """Name → data: URI of the plots over methods and epochs, which `dvc plots` compares between revisions."""
    metrics = list(run.metrics.values())
    curves = {
        f"learning-{method}": learning_curves(history.epochs, history.best_epoch)
        for method, history in run.histories.items()
    }
    return {
        "lift": lift_bars(metrics),
        "precision-recall": precision_recall(metrics),
    } | curves


def render_page(run: Run, plots: Mapping[str, str]) -> str:
    """The report as one HTML document; every text from the run is escaped. plots: those of `run_plots`."""
    metrics = list(run.metrics.values())
    audited = shortcuts_of(run)
    structured, shortcuts = structured_sections(run, audited), shortcut_sections(run, audited)
    return _template().render(
        summary=summary(run),
        data=data_cards(run),
        gates=run.gates,
        rows=metric_table(run),
        chance=metrics[0].chance,
        is_validated=run.is_validated,
        chosen_by=run.chosen_by,
        within=sorted({kind for one in metrics if one.seen for kind in one.seen.lift_within}),
        slices=slice_tables(run),
        comparable=len({result.evaluation_digest for result in metrics}) == 1,
        has_latency=any(run.latencies.values()),
        pairs=paper_settings(run),
        uncertainty=uncertainty_notes(run),
        curves=[
            {
                "method": method,
                "n_epochs": len(history.epochs),
                "best_epoch": history.best_epoch + 1,
                "uri": plots[f"learning-{method}"],
            }
            for method, history in run.histories.items()
        ],
        without_curves=[method for method in run.metrics if method not in run.histories],
        lift_bars=plots["lift"],
        precision_recall=plots["precision-recall"],
        bit_balance=bit_balance(metrics),
        codes=codes_view(run),
        examples=retrievals(run),
        glossary=glossary(run.has_bags, structured is not None),
        structured=structured,
        shortcuts=shortcuts,
        has_bags=run.has_bags,
        case="case" if run.has_bags else "image",
        cases="cases" if run.has_bags else "images",
        style=_STYLE.read_text() + ((_FOLDER / "structured.css").read_text() if structured else ""),
    )


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = lambda value: f"{value:.3f}"
    environment.filters["signed"] = lambda value: f"{value:+.3f}"
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["percent"] = lambda value: f"{value:.1%}"
    return environment.get_template("page.html")
