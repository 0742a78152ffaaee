"""The table of all methods: figures, the chance row beside them, and a flag where a method is not above chance."""

from typing import Any

import numpy as np
import pyarrow.compute as pc

from components.report.run import Run
from medhash.core.documents import Metrics


def reach(run: Run) -> list[str]:
    """Sentences on the MAP of the run's methods; none where no query can be answered.

    A percentile interval of n patients is too narrow by a factor of √(1 - 1/n) at least: the spread within a
    resample has n in its divisor, not n - 1 (Efron & Tibshirani 1993, ch. 13).
    """
    asked = run.queries.filter(pc.greater(run.queries["n_relevant"], 0))
    n_patients = len(asked["patient_id"].unique())
    if not n_patients:
        return []
    cases = "cases" if run.has_bags else "images"
    intervals = {
        method: found
        for method, measured in run.metrics.items()
        if (found := measured.intervals.get("map")) is not None
    }
    chance = run.metrics[run.best].chance.map
    above = [method for method, found in intervals.items() if found.low > chance]
    widths = [found.high - found.low for found in intervals.values()]
    told = [
        f"{asked.num_rows:,} test {cases} of {n_patients:,} {'patient' if n_patients == 1 else 'patients'} ask; "
        f"each patient carries {1 / n_patients:.1%} of every figure on average."
    ]
    if intervals:
        told += _exchanged(run, run.metrics[run.best].figures.map)
        told.append(
            f"Above chance ({chance:.3f}) with the whole 95 % interval of MAP: "
            + (", ".join(above) if above else "no method")
            + f", of {len(intervals)}. Intervals are "
            f"{np.median(widths):.3f} wide in the median: two methods that lie less than that apart may well "
            "change places with other patients."
        )
    if n_patients > 1:
        told.append(
            f"The intervals come from these {n_patients:,} patients alone, and are too narrow by "
            f"{1 - np.sqrt(1 - 1 / n_patients):.1%} at least; they say nothing of another hospital, another "
            "scanner or another training."
        )
    return told


def _exchanged(run: Run, best_map: float) -> list[str]:
    """What the best method's rankings score whatever its queries show; nothing where it was not measured."""
    value = run.headlines[run.best].map_permuted
    if value is None:
        return []
    return [
        f"Where the queries of {run.best} exchange their labels, its rankings still score a MAP of {value:.3f}, as "
        "codes of a gallery that was trained on fall into groups; what lies above that, "
        f"{best_map - value:+.3f}, is what the queries' own pictures bring. P@k gains nothing by groups."
    ]


COLLAPSED_SHARE = 0.02
"""Fewer distinct codes than this share of the gallery: most of a ranking is decided by tie order."""


def metric_table(run: Run) -> list[dict[str, Any]]:
    """A row per method, best MAP first."""
    rows = [
        {
            "metrics": metrics,
            "figures": metrics.figures,
            "interval": metrics.intervals.get("map"),
            "standing": standing(metrics),
            "is_best": method == run.best and run.is_validated,
            "distinct_share": metrics.n_distinct_codes / metrics.n_gallery if metrics.n_gallery else 0.0,
            "latency": latency(run.latencies[method]),
        }
        for method, metrics in run.metrics.items()
    ]
    return sorted(rows, key=lambda row: (-row["figures"].map, row["metrics"].method))


def standing(metrics: Metrics) -> str:
    """`above` chance, `below` it, or `within` it: the interval of MAP does not exclude chance."""
    if metrics.figures.map <= metrics.chance.map:
        return "below"
    interval = metrics.intervals.get("map")
    return "within" if interval and interval.low <= metrics.chance.map else "above"


def latency(record: dict[str, Any]) -> str:
    """p50 and p95 of a query in ms, where this machine measured them."""
    p50, p95 = record.get("p50_ms"), record.get("p95_ms")
    return f"{p50:.2g} / {p95:.2g}" if p50 is not None and p95 is not None else ""


def literal_pairs(run: Run) -> list[dict[str, Any]]:
    """Methods with the settings printed in their paper (`NAME-paper`), each beside the settings chosen here."""
    pairs = []
    for method, literal in run.metrics.items():
        chosen = run.metrics.get(method.removesuffix("-paper"))
        if method.endswith("-paper") and chosen is not None:
            pairs.append(
                {
                    "literal": literal,
                    "chosen": chosen,
                    "standing": standing(literal),
                    "collapsed": literal.n_distinct_codes < COLLAPSED_SHARE * literal.n_gallery,
                }
            )
    return pairs
