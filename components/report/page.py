"""The page: all sections put into one template, nothing in it loaded from anywhere else."""

from pathlib import Path
from typing import Any

from components.report.codes_view import codes_view
from components.report.data_cards import data_cards
from components.report.glossary import glossary
from components.report.metric_table import literal_pairs, metric_table
from components.report.plots.bit_balance import bit_balance
from components.report.plots.learning import learning_curves
from components.report.plots.map_bars import map_bars
from components.report.plots.precision_recall import precision_recall
from components.report.reach import reach
from components.report.retrievals import retrievals
from components.report.run import Run
from components.report.slice_table import slice_tables
from components.report.structured.sections import structured_sections
from components.report.summary import summary

_FOLDER = Path(__file__).parent


def render_page(run: Run) -> str:
    """The report as one HTML document; every text from the run is escaped."""
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
                "uri": learning_curves(history.epochs, history.best_epoch, run.metrics[method].validation_chance),
            }
            for method, history in run.histories.items()
        ],
        without_curves=[method for method in run.metrics if method not in run.histories],
        map_bars=map_bars(metrics),
        precision_recall=precision_recall(metrics),
        bit_balance=bit_balance(metrics),
        codes=codes_view(run),
        examples=retrievals(run),
        glossary=glossary(run.has_bags, structured is not None),
        structured=structured,
        has_bags=run.has_bags,
        case="case" if run.has_bags else "image",
        cases="cases" if run.has_bags else "images",
        style=(_FOLDER / "style.css").read_text() + ((_FOLDER / "structured.css").read_text() if structured else ""),
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
