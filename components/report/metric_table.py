"""The table of all methods: figures, the chance row beside them, and a flag where a method is not above chance."""

from typing import Any

from components.documents import Metrics
from components.report.run import Run

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
