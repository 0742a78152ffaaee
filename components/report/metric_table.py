"""Tables of figures: all methods beside their baselines, and the best method by slice of the queries."""

from typing import Any

import numpy as np
import pyarrow.compute as pc

from components.report.run import Run
from medhash.core.documents import GalleryFigures, Interval

SLICE_KINDS = ("label", "view", "sex", "age")
MOST_SLICES = 60
"""Slices of one kind; the ones with the fewest queries are left out."""
COLLAPSED_SHARE = 0.02
"""Fewer distinct codes than this share of the gallery: most of a ranking is tie order."""


def standing(
    value: float | None, chance: float | None, interval: Interval | None, permuted: float | None = None
) -> str:
    """How a MAP compares with its baselines.

    `below`: not above chance. `within`: the interval holds chance. `permuted`: the interval holds MAP with exchanged
    labels. `above`: it holds neither. `unknown`: no figure, or above chance without an interval.
    """
    if value is None or chance is None:
        return "unknown"
    if value <= chance:
        return "below"
    if interval is None:
        return "unknown"
    if interval.low <= chance:
        return "within"
    return "permuted" if permuted is not None and interval.low <= permuted else "above"


def metric_table(run: Run) -> list[dict[str, Any]]:
    """A row per method, highest lift in the gallery that serves first."""
    rows = []
    for method, metrics in run.metrics.items():
        rows.append(
            {
                "metrics": metrics,
                "figures": metrics.figures,
                "standing": standing_of_lift(metrics.seen),
                "is_best": method == run.best and run.is_validated,
                "latency": format_latency(run.latencies[method]),
            }
        )
    return sorted(rows, key=lambda row: (-_lift(row["metrics"].seen), row["metrics"].method))


def standing_of_lift(found: GalleryFigures | None) -> str:
    """How a lift compares with 0. `below`: not above. `within`: the interval holds 0. `above`; `unknown`."""
    if found is None:
        return "unknown"
    return "below" if found.lift.value <= 0 else "within" if found.lift.low <= 0 else "above"


def _lift(found: GalleryFigures | None) -> float:
    return found.lift.value if found is not None else float("-inf")


def format_latency(record: dict[str, Any]) -> str:
    """p50 and p95 of a query in ms; empty where this machine did not measure them."""
    p50, p95 = record.get("p50_ms"), record.get("p95_ms")
    return f"{p50:.2g} / {p95:.2g}" if p50 is not None and p95 is not None else ""


def paper_settings(run: Run) -> list[dict[str, Any]]:
    """Methods with the settings printed in their paper (`NAME-paper`), each beside the settings chosen here."""
    pairs = []
    for method, literal in run.metrics.items():
        chosen = run.metrics.get(method.removesuffix("-paper"))
        if method.endswith("-paper") and chosen is not None:
            pairs.append(
                {
                    "literal": literal,
                    "chosen": chosen,
                    "standing": standing_of_lift(literal.seen),
                    "collapsed": literal.n_distinct_codes < COLLAPSED_SHARE * literal.n_gallery,
                }
            )
    return pairs


def uncertainty_notes(run: Run) -> list[str]:
    """Sentences on how far the test patients can support the MAP figures; none where no query is answerable.

    A percentile interval of n patients is too narrow by a factor of √(1 - 1/n) at least: the spread within a
    resample has n in its divisor, not n - 1 (Efron & Tibshirani 1993, ch. 13).
    """
    answerable = run.queries.filter(pc.greater(run.queries["n_relevant"], 0))
    n_patients = len(answerable["patient_id"].unique())
    if not n_patients:
        return []
    cases = "cases" if run.has_bags else "images"
    notes = [
        f"{answerable.num_rows:,} test {cases} of {n_patients:,} {'patient' if n_patients == 1 else 'patients'} are "
        f"answerable queries. One patient contributes {1 / n_patients:.1%} of a figure on "
        "average."
    ]
    measured = {method: metrics.seen for method, metrics in run.metrics.items() if metrics.seen is not None}
    if measured:
        above = [method for method, found in measured.items() if found.lift.low > 0]
        width = np.median([found.lift.high - found.lift.low for found in measured.values()])
        notes.append(
            f"The 95 % interval of lift lies above 0 for {', '.join(above) or 'no method'}, of {len(measured)}."
        )
        notes.append(
            f"The median interval is {width:.3f} wide. Two methods that differ by less may change places with other "
            "patients."
        )
    if n_patients > 1:
        notes.append(
            f"With {n_patients:,} patients the intervals are too narrow by at least "
            f"{1 - np.sqrt(1 - 1 / n_patients):.1%}. They do not cover another hospital, scanner or training run."
        )
    return notes


def slice_tables(run: Run) -> list[dict[str, Any]]:
    """A table per kind of slice that the archive knows; labels with the most queries first."""
    tables = []
    for kind in SLICE_KINDS:
        slices = run.metrics[run.best].slices.get(kind, {})
        if list(slices) in ([], ["unknown"]):
            continue
        ordered = list(slices.items())
        if kind == "label":
            ordered.sort(key=lambda item: -item[1].n_queries)
        rows = [
            {
                "value": value,
                "figures": figures,
                "standing": "unknown" if figures.lift is None else "above" if figures.lift.low > 0 else "within",
            }
            for value, figures in ordered
        ]
        tables.append({"kind": kind, "rows": rows[:MOST_SLICES], "n_more": max(0, len(rows) - MOST_SLICES)})
    return tables
