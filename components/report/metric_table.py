"""Tables of figures: all methods beside chance and permuted labels, and the best method by slice of the queries."""

from typing import Any

import numpy as np
import pyarrow.compute as pc

from components.report.run import Run
from medhash.core.documents import Interval

SLICE_KINDS = ("label", "view", "sex", "age")
MOST_SLICES = 60
"""Slices of one kind; the ones with the fewest queries are left out."""
COLLAPSED_SHARE = 0.02
"""Fewer distinct codes than this share of the gallery: most of a ranking is tie order."""


def standing(
    value: float | None, chance: float | None, interval: Interval | None, permuted: float | None = None
) -> str:
    """How a MAP compares with its baselines.

    `below`: not above chance. `within`: the interval holds chance. `permuted`: the interval holds the permuted-label
    baseline. `above`: it holds neither. `unknown`: no figure, or above chance without an interval.
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
    """A row per method, best MAP first."""
    rows = []
    for method, metrics in run.metrics.items():
        interval, permuted = metrics.intervals.get("map"), run.headlines[method].map_permuted
        rows.append(
            {
                "metrics": metrics,
                "figures": metrics.figures,
                "interval": interval,
                "permuted": permuted,
                "standing": standing(metrics.figures.map, metrics.chance.map, interval, permuted),
                "is_best": method == run.best and run.is_validated,
                "latency": format_latency(run.latencies[method]),
            }
        )
    return sorted(rows, key=lambda row: (-row["figures"].map, row["metrics"].method))


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
                    "standing": standing(literal.figures.map, literal.chance.map, literal.intervals.get("map")),
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
    intervals = {
        method: interval
        for method, metrics in run.metrics.items()
        if (interval := metrics.intervals.get("map")) is not None
    }
    if intervals:
        notes += _permuted_note(run)
        chance = run.metrics[run.best].chance.map
        above = [method for method, interval in intervals.items() if interval.low > chance]
        width = np.median([interval.high - interval.low for interval in intervals.values()])
        notes.append(
            f"The 95 % interval of MAP lies above chance ({chance:.3f}) for {', '.join(above) or 'no method'}, of "
            f"{len(intervals)}."
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


def _permuted_note(run: Run) -> list[str]:
    """The best method beside the permuted-label baseline; nothing where it was not measured."""
    headline = run.headlines[run.best]
    if headline.map_permuted is None:
        return []
    gain = headline.map - headline.map_permuted
    return [
        f"With permuted query labels the rankings of {run.best} still score a MAP of {headline.map_permuted:.3f}: the "
        f"gallery is training data, and its codes form groups. The difference, {gain:+.3f}, is what the query images "
        "add. P@k does not gain from groups."
    ]


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
                "standing": standing(figures.map, figures.chance_map, figures.interval),
            }
            for value, figures in ordered
        ]
        tables.append({"kind": kind, "rows": rows[:MOST_SLICES], "n_more": max(0, len(rows) - MOST_SLICES)})
    return tables
