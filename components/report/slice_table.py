"""The table of slices: the best method by label, view, sex and age of the query, each beside its own chance."""

from typing import Any

from components.report.run import Run
from medhash.core.documents import SliceFigures

KINDS = ("label", "view", "sex", "age")
MOST_ROWS = 60
"""Slices of one kind; the ones with the fewest queries are left out."""


def slice_tables(run: Run) -> list[dict[str, Any]]:
    """A table per kind of slice of which the archive says anything; labels with the most queries first."""
    tables = []
    for kind in KINDS:
        slices = run.metrics[run.best].slices.get(kind, {})
        if list(slices) in ([], ["unknown"]):
            continue
        ordered = list(slices.items())
        if kind == "label":
            ordered.sort(key=lambda item: -item[1].n_queries)
        rows = [{"value": value, "figures": figures, "standing": standing(figures)} for value, figures in ordered]
        tables.append({"kind": kind, "rows": rows[:MOST_ROWS], "n_more": max(0, len(rows) - MOST_ROWS)})
    return tables


def standing(figures: SliceFigures) -> str:
    """`above` chance, `below` it, `within` it (the interval holds chance), or `unknown` without figure or interval."""
    if figures.map is None or figures.chance_map is None:
        return "unknown"
    if figures.map <= figures.chance_map:
        return "below"
    if figures.interval is None:
        return "unknown"
    return "within" if figures.interval.low <= figures.chance_map else "above"
