"""Whether no part of the patients pays for the gain: by label, view, sex and age."""

from collections.abc import Sequence
from typing import NamedTuple

from components.promote.clauses.clause import ROUNDING, Clause


class SliceChange(NamedTuple):
    """A part of the queries under both models. MAP, and the difference challenger less champion with its interval."""

    kind: str
    """label, view, sex or age"""
    value: str
    n_queries: int
    """Answerable ones; the figures are their means."""
    n_patients: int
    challenger: float
    champion: float
    difference: float
    low: float
    high: float

    @property
    def name(self) -> str:
        return f"{self.kind} {self.value}"


def slices(changes: Sequence[SliceChange], max_drop: float, min_patients: int) -> Clause:
    """champion - challenger ≤ max_drop in every slice with min_patients query patients or more.

    Smaller slices are counted, not judged: their figures move by chance alone.
    """
    judged = [change for change in changes if change.n_patients >= min_patients]
    aside = f"; {len(changes) - len(judged)} slices of fewer than {min_patients} patients are not judged" * (
        len(judged) < len(changes)
    )
    fallen = sorted(
        (change for change in judged if -change.difference > max_drop + ROUNDING), key=lambda change: change.difference
    )
    if fallen:
        named = ", ".join(
            f"{change.name} {change.champion:.4f} → {change.challenger:.4f} ({change.n_patients} patients)"
            for change in fallen
        )
        return Clause(
            "slices",
            False,
            f"MAP falls by more than {max_drop:g} in {named}{aside}",
            "look at these patients in the report: are their labels right, are there enough of them in "
            "training? promote.max_slice_drop is the limit",
        )
    lowest = min(judged, key=lambda change: change.difference, default=None)
    found = (
        f"none of {len(judged)} falls by more than {max_drop:g}; the least is {lowest.name}, {lowest.difference:+.4f}"
        if lowest
        else "there is none to judge"
    )
    return Clause("slices", True, found + aside)
