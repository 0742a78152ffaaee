"""The page: all sections put into one template, nothing in it loaded from anywhere else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.report.data_cards import data_cards
from components.report.metric_table import literal_pairs, metric_table, reach
from components.report.plots import bit_balance, learning_curves, map_bars, precision_recall
from components.report.retrievals import retrievals
from components.report.run import Run
from components.report.slice_table import slice_tables
from components.report.structured import OF_STRUCTURE, structured_sections
from medhash.core.files import sha256_files
from medhash.core.origins import origins
from medhash.retrieval.code_map import code_map
from medhash.retrieval.code_table import read_codes, unpacked_bytes


def glossary(has_bags: bool, is_structured: bool = False) -> list[tuple[str, str]]:
    """Terms and meanings; has_bags: whether a case may be several images, which has terms of its own.

    is_structured: whether labels are combinations of attributes, which have theirs, too.
    """
    words = {
        "a_case": "a case" if has_bags else "an image",
        "case": "case" if has_bags else "image",
        "cases": "cases" if has_bags else "images",
        "Cases": "Cases" if has_bags else "Images",
    }
    terms = ([_TERMS[0], *_OF_BAGS, *_TERMS[1:]] if has_bags else _TERMS) + (OF_STRUCTURE if is_structured else [])
    return [(term, meaning.format(**words)) for term, meaning in terms]


_TERMS: list[tuple[str, str]] = [
    ("Code", "A short row of bits that stands for {a_case}. {Cases} with similar codes should show similar findings."),
    ("Hamming distance", "In how many bits two codes differ. A search lists the gallery by this distance."),
    (
        "Query and gallery",
        "A query is {a_case} of a test patient. The gallery is what it searches: the {cases} of the "
        "training and validation patients. A query never sees its own patient.",
    ),
    ("Relevant", "A gallery {case} is relevant to a query if the two share at least one label."),
    (
        "MAP",
        "Mean average precision: walk down each query's ranking and, at every relevant {case}, note which share of "
        "the {cases} so far was relevant; average that over the relevant {cases}, then over the queries. 1 is perfect.",
    ),
    (
        "Ties",
        "Distances are whole numbers, so many {cases} are equally far. MAP here is the average over all orders of "
        "such ties; worst and best show how much the order alone could change it.",
    ),
    (
        "Slice",
        "The queries that have something in common, such as a finding, a view or an age. They search the whole "
        "gallery, and their chance is their own: a rare finding is hit more seldom.",
    ),
    (
        "Chance",
        "The same measure when the gallery is in random order. A method at chance has learned nothing useful, "
        "however high its figure may look.",
    ),
    (
        "95 % interval",
        "Where the figure would lie if other patients had been drawn: the middle 95 % of many draws of "
        "patients with replacement.",
    ),
    (
        "Validation MAP",
        "The same measure with validation patients searching the training patients. Methods are chosen "
        "by this one, so that the test figures stay honest.",
    ),
    (
        "P@1, P@5, P@10",
        "Of the 1, 5 or 10 nearest answers, the share that is relevant: what a reader who looks no "
        "further sees. Where more are equally far than fit, it is the average over their orders.",
    ),
    (
        "NDCG@100",
        "How well the first 100 answers are ordered, counting {a_case} that shares more labels for more; 1 is "
        "the best order the gallery allows.",
    ),
    ("ACG@100", "How many labels the first 100 answers share with the query, on average."),
    ("Weighted mAP", "Like MAP, with each answer weighted by the number of labels it shares."),
    (
        "P@H2",
        "Of the gallery {cases} within two bits of the query, the share that is relevant; a query with none there "
        "counts as 0.",
    ),
    ("Empty-ball rate", "The share of queries that have no gallery {case} within two bits."),
    (
        "Distinct codes",
        "How many different codes the gallery has. Very few means that the method has collapsed: it "
        "can only tell that many groups of {cases} apart.",
    ),
    ("Bit balance", "The share of {cases} in which a bit is 1. Near one half a bit tells most; at 0 or 1 it is dead."),
    (
        "Precision and recall",
        "Of what lies within a distance, the share that is relevant; and the share of all "
        "relevant {cases} that lies within it.",
    ),
    (
        "t-SNE",
        "A picture in which {cases} with similar codes lie near each other. Groups mean something; the "
        "distances between far groups do not.",
    ),
    (
        "Gate",
        "A check of data quality after a stage. A failed gate stops the run before anything is built on bad data.",
    ),
]

_OF_BAGS: list[tuple[str, str]] = [
    (
        "Case, or bag",
        "The images that belong together and have one label and one code: the views of a breast, the "
        "regions of a slide. Images of the same case are never searched apart.",
    ),
    (
        "Instance",
        "One image of a bag, or one part that a large film or slide is cut into. The label is of the bag: not "
        "every instance needs to show what it says.",
    ),
    (
        "Pooling",
        "How the instances of a bag become one code: the largest value of each bit (max), the mean, noisy-or, "
        "a weighted mean whose weights are learned (attention), or, for methods that know single images only, the "
        "vote of the instances' codes. The order of the instances changes nothing.",
    ),
    (
        "Attention",
        "The share that each instance has in the code of its bag, where the pooling learns it; all of a bag "
        "together are 100 %. It says what the model looked at, not where a finding is.",
    ),
]


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
    """Figures of the page's head and rows (name, value) of its summary table."""
    params, workspace = run.params, run.workspace
    best = run.metrics[run.best]
    cases = "cases" if run.has_bags else "images"
    cut = params.ingest.cut
    digest = sha256_files([workspace.images, workspace.split, workspace.labels])
    return {
        "best": best,
        "gain": best.figures.map / best.chance.map if best.chance.map else None,
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
            ("Split", f"{params.split.strategy}: no patient stands in two folds"),
            ("Labels", _labels(run)),
            (
                "Training",
                f"up to {params.train.epochs} epochs, {params.train.precision}, "
                f"{'with' if params.train.augment else 'without'} augmentation, seed {params.seed}",
            ),
            (
                "Queries and gallery",
                f"{best.n_queries:,} test {cases} search {best.n_gallery:,} {cases} of the "
                "train and val folds, never their own patient's",
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
    return f"attribute {settings.attribute!r}, {n_labels} labels; No Finding is treated as: {settings.no_finding}"


_FOLDER = Path(__file__).parent
_STYLE = _FOLDER.parents[1] / "medhash" / "core" / "style.css"


def run_plots(run: Run) -> dict[str, str]:
    """Name → data: URI of the plots over methods and epochs, which `dvc plots` compares between revisions."""
    metrics = list(run.metrics.values())
    curves = {
        f"learning-{method}": learning_curves(history.epochs, history.best_epoch, run.metrics[method].validation_chance)
        for method, history in run.histories.items()
    }
    return {"map": map_bars(metrics), "precision-recall": precision_recall(metrics)} | curves


def render_page(run: Run, plots: Mapping[str, str]) -> str:
    """The report as one HTML document; every text from the run is escaped. plots: those of `run_plots`."""
    metrics = list(run.metrics.values())
    structured = structured_sections(run)
    return _template().render(
        summary=summary(run),
        data=data_cards(run),
        gates=run.gates,
        rows=metric_table(run),
        chance=metrics[0].chance,
        is_validated=run.is_validated,
        slices=slice_tables(run),
        comparable=len({result.evaluation_digest for result in metrics}) == 1,
        has_latency=any(run.latencies.values()),
        pairs=literal_pairs(run),
        reach=reach(run),
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
        map_bars=plots["map"],
        precision_recall=plots["precision-recall"],
        bit_balance=bit_balance(metrics),
        codes=codes_view(run),
        examples=retrievals(run),
        glossary=glossary(run.has_bags, structured is not None),
        structured=structured,
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
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["percent"] = lambda value: f"{value:.1%}"
    return environment.get_template("template.html")
