"""All sections on structured data, for the template; nothing of a run whose labels are no combinations."""

from typing import Any

import numpy as np

from components.documents import StructuredFigures, Vocabulary
from components.report.plots.attribute_map import attribute_map
from components.report.plots.preference import preference
from components.report.plots.reliability import reliability
from components.report.plots.seen_held_out import seen_held_out
from components.report.run import Run
from components.report.structured.combinations import combination_table, held_out
from components.report.structured.fired_rules import fired_rules
from components.report.structured.ordered import HELD_OUT, in_order
from components.report.structured.relevance import KIND_JOINT, relevance_tables
from components.report.structured.standing import standing
from components.report.structured.sub_code_matrix import sub_code_matrices
from components.report.structured.unknown import unknown_table
from components.shortcuts.audit import audit_shortcuts
from components.shortcuts.shortcut import Shortcut


def structured_sections(run: Run) -> dict[str, Any] | None:
    """What structured.html shows; None where no method has figures by attribute."""
    names = [attribute.name for attribute in run.vocabulary.attributes]
    figures = {
        method: in_order(measured.structured, names)
        for method, measured in run.metrics.items()
        if measured.structured is not None
    }
    if not figures:
        return None
    shortcuts = _shortcuts(run)
    tables = relevance_tables(
        figures, {shortcut.attribute for shortcut in shortcuts if shortcut.standing == "told apart"}
    )
    sections = {
        "relevance": tables,
        "joint": KIND_JOINT,
        "attribute_map": attribute_map(
            {table["name"]: {row["method"]: row["figures"] for row in table["rows"]} for table in tables}
        ),
        "matrices": sub_code_matrices(figures),
        "preference": _preference(figures),
        "held_out": _held_out(run.vocabulary, figures),
        "calibration": [
            {"method": method, "uri": reliability(found.calibration), "parts": list(found.calibration.items())}
            for method, found in figures.items()
            if found.calibration
        ],
        "rules": fired_rules(run),
        "shortcuts": shortcuts,
        "groups": list(dict.fromkeys(group for shortcut in shortcuts for group in shortcut.groups)),
        "combinations": combination_table(run.vocabulary),
        "unknown": unknown_table(run),
    }
    return sections | {"anchors": [(anchor, name) for anchor, name, part in _ANCHORS if sections[part]]}


_ANCHORS = (
    ("attributes", "Attributes", "relevance"),
    ("sub-codes", "Sub-codes", "matrices"),
    ("preference", "Preference", "preference"),
    ("held-out", "Held out", "held_out"),
    ("calibration", "Calibration", "calibration"),
    ("rules", "Rules", "rules"),
    ("shortcuts", "Shortcuts", "shortcuts"),
)
"""Anchor of a section, its name in the page's head, and what it shows: without that it is left out."""


def _preference(figures: dict[str, StructuredFigures]) -> dict[str, Any] | None:
    """What preferring an attribute gives; None where no method has sub-codes."""
    found = {method: structured.preference for method, structured in figures.items() if structured.preference}
    if not found:
        return None
    return {
        "uri": preference(found),
        "rows": [
            {"method": method, "attribute": attribute, "found": satisfaction}
            for method, by_attribute in found.items()
            for attribute, satisfaction in by_attribute.items()
        ],
    }


def _held_out(vocabulary: Vocabulary, figures: dict[str, StructuredFigures]) -> dict[str, Any] | None:
    """The figures of seen and held-out combinations, and which those are; None where no method has them."""
    found = {method: structured.combinations for method, structured in figures.items() if structured.combinations}
    if not found:
        return None
    rows = [
        {"method": method, "kind": kind, "figures": figure, "standing": standing(figure)}
        for method, by_kind in found.items()
        for kind, figure in by_kind.items()
    ]
    measured = any(row["kind"] == HELD_OUT and row["figures"] is not None for row in rows)
    return {"rows": rows, "uri": seen_held_out(found) if measured else "", "names": held_out(vocabulary)}


def _shortcuts(run: Run) -> list[Shortcut]:
    if not run.workspace.pixels.exists():
        return []
    pixels = np.load(run.workspace.pixels, mmap_mode="r")
    return audit_shortcuts(run.images, pixels, run.labels, run.label_sets, run.vocabulary, run.params.seed)
