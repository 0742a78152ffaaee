"""The report's sections on structured labels: combinations of attributes such as modality, organ and pathology."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from components.report.fired_rules import fired_rules
from components.report.metric_table import standing
from components.report.run import Run
from components.report.structured_plots import attribute_map, preference, reliability, seen_held_out
from medhash.core.contracts import FOLDS
from medhash.core.documents import AttributeFigures, StructuredFigures, Vocabulary
from medhash.retrieval.shortcuts import Shortcut, values_by_set

MOST_ROWS = 200


def held_out(vocabulary: Vocabulary) -> list[str]:
    """Combinations that test cases have and no training case has, in the vocabulary's order."""
    return [label for label in vocabulary.labels if _is_held_out(vocabulary, label)]


def combination_table(vocabulary: Vocabulary) -> dict[str, Any]:
    """`attributes`; `rows`, one per combination: `values`, its value of each attribute (None: not known), the cases per
    fold, and whether it is held out; and `unlabelled`, the cases per fold that have none.

    Rows stand in the order of their values, so that an organ's pathologies stand together; only so many are shown.
    """
    known = [_values(vocabulary, place) for place in range(len(vocabulary.labels))]
    ordered = sorted(range(len(known)), key=lambda place: [value or "" for value in known[place]])
    rows = [
        {
            "values": known[place],
            "is_held_out": _is_held_out(vocabulary, label),
            "counts": [vocabulary.n_bags.get(label, {}).get(fold, 0) for fold in FOLDS],
        }
        for place in ordered
        for label in (vocabulary.labels[place],)
    ]
    return {
        "attributes": [attribute.name for attribute in vocabulary.attributes],
        "folds": FOLDS,
        "unlabelled": [vocabulary.n_unlabelled.get(fold, 0) for fold in FOLDS],
        "rows": rows[:MOST_ROWS],
        "n_more": max(0, len(rows) - MOST_ROWS),
    }


def _values(vocabulary: Vocabulary, label: int) -> list[str | None]:
    found = [(attribute, attribute.of_label[label]) for attribute in vocabulary.attributes]
    return [None if value is None else attribute.values[value] for attribute, value in found]


def _is_held_out(vocabulary: Vocabulary, label: str) -> bool:
    counts = vocabulary.n_bags.get(label, {})
    return counts.get("train", 0) == 0 and counts.get("test", 0) > 0


SEEN, HELD_OUT = "seen", "held out"
"""The keys of StructuredFigures.combinations."""
Value = TypeVar("Value")


def in_order(found: StructuredFigures, attributes: Sequence[str]) -> StructuredFigures:
    """The same figures, all that is by attribute or sub-code in this order, other keys after; `seen` first."""
    return found.model_copy(
        update={
            "attributes": _sorted(found.attributes, attributes),
            "sub_codes": {name: _sorted(row, attributes) for name, row in _sorted(found.sub_codes, attributes).items()},
            "preference": _sorted(found.preference, attributes),
            "combinations": _sorted(found.combinations, (SEEN, HELD_OUT)),
            "calibration": _sorted(found.calibration, attributes),
        }
    )


def _sorted(by_name: Mapping[str, Value], order: Sequence[str]) -> dict[str, Value]:
    places = {name: place for place, name in enumerate(order)}
    return dict(sorted(by_name.items(), key=lambda item: places.get(item[0], len(places))))


def attribute_standing(figures: AttributeFigures | None) -> str:
    """As `metric_table.standing`; unknown: no query is answerable."""
    if figures is None:
        return "unknown"
    return standing(figures.map, figures.chance_map, figures.interval, figures.exchanged_map)


KIND_JOINT = "joint"


def relevance_tables(figures: Mapping[str, StructuredFigures], predictable: Collection[str]) -> list[dict[str, Any]]:
    """A table for the whole combination, then one per attribute; in each a row per method, the best MAP first.

    predictable: attributes that a linear probe predicts without anatomy; their tables say so.
    """
    names = dict.fromkeys(name for found in figures.values() for name in found.attributes)
    return [
        _table(KIND_JOINT, {method: found.joint for method, found in figures.items()}, False),
        *(
            _table(name, {method: found.attributes.get(name) for method, found in figures.items()}, name in predictable)
            for name in names
        ),
    ]


def _table(name: str, by_method: dict[str, AttributeFigures | None], is_predictable: bool) -> dict[str, Any]:
    ordered = sorted(by_method.items(), key=lambda item: 1.0 if item[1] is None else -item[1].map)
    rows = [
        {"method": method, "figures": figures, "standing": attribute_standing(figures)} for method, figures in ordered
    ]
    some = next((figures for figures in by_method.values() if figures is not None), None)
    return {
        "name": name,
        "rows": rows,
        "is_predictable": is_predictable,
        "n_queries": some.n_queries if some else 0,
        "n_gallery": some.n_gallery if some else 0,
    }


WHOLE = "whole code"
Row = Mapping[str, AttributeFigures | None]


def sub_code_matrices(figures: Mapping[str, StructuredFigures]) -> list[dict[str, Any]]:
    """Of each method `attributes`, the columns; `rows`, one per sub-code and the whole code; and `verdict`.

    A cell has the MAP, its `gain` over chance as a share of what there is to gain, `is_own` (the sub-code has the
    attribute's name) and `is_best` (no other sub-code ranks the attribute better, and its interval lies above chance).
    """
    return [_matrix(method, found) for method, found in figures.items() if found.sub_codes]


def _matrix(method: str, found: StructuredFigures) -> dict[str, Any]:
    columns = list(found.attributes)
    best = {attribute: _best(found.sub_codes, attribute) for attribute in columns}
    rows = [
        {
            "name": name,
            "cells": [_cell(row.get(attribute), name == attribute, best[attribute] == name) for attribute in columns],
        }
        for name, row in found.sub_codes.items()
    ]
    whole = [_cell(found.attributes[attribute], False, False) for attribute in columns]
    return {
        "method": method,
        "attributes": columns,
        "rows": rows,
        "whole": whole,
        "verdict": _verdict({name: best[name] for name in columns if name in found.sub_codes}),
    }


def _cell(figures: AttributeFigures | None, is_own: bool, is_best: bool) -> dict[str, Any]:
    if figures is None:
        return {"map": None, "chance": None, "gain": 0.0, "is_own": is_own, "is_best": False}
    gain = (figures.map - figures.chance_map) / (1 - figures.chance_map) if figures.chance_map < 1 else 0.0
    return {
        "map": figures.map,
        "chance": figures.chance_map,
        "gain": max(0.0, gain),
        "is_own": is_own,
        "is_best": is_best,
    }


def _best(sub_codes: Mapping[str, Row], attribute: str) -> str:
    """The sub-code that ranks an attribute best, of equals its own, then the first; empty where none beats chance."""
    maps = {
        name: figures.map
        for name, row in sub_codes.items()
        if (figures := row.get(attribute)) is not None and figures.interval.low > figures.chance_map
    }
    return max(maps, key=lambda name: (maps[name], name == attribute), default="")


def _verdict(best: Mapping[str, str]) -> str:
    """best: attribute with a sub-code of its own → the sub-code that ranks it best, if any does above chance."""
    others = [
        f"{attribute} is ranked best by the sub-code {name}" if name else f"{attribute} is ranked above chance by none"
        for attribute, name in best.items()
        if name != attribute
    ]
    if not best:
        return ""
    if not others:
        return "Each sub-code ranks its own attribute best."
    return f"Not every sub-code ranks its own attribute best: {'; '.join(others)}."


def unknown_table(run: Run) -> list[dict[str, Any]]:
    """A row per attribute that some case does not know: `counts`, for every fold how many do not, and of how many."""
    sets, folds = run.labels["set_id"].to_numpy(), np.asarray(run.labels["fold"].to_numpy(), dtype=str)
    rows = []
    for attribute, has in values_by_set(run.label_sets, run.vocabulary).items():
        unknown: np.ndarray = np.logical_not(has.any(axis=1))[sets]
        if unknown.any():
            rows.append(
                {
                    "attribute": attribute,
                    "counts": [(int(unknown[folds == fold].sum()), int((folds == fold).sum())) for fold in FOLDS],
                }
            )
    return rows


def structured_sections(run: Run, shortcuts: Sequence[Shortcut]) -> dict[str, Any] | None:
    """What structured.html shows; None where no method has figures by attribute."""
    names = [attribute.name for attribute in run.vocabulary.attributes]
    figures = {
        method: in_order(measured.structured, names)
        for method, measured in run.metrics.items()
        if measured.structured is not None
    }
    if not figures:
        return None
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
        {"method": method, "kind": kind, "figures": figure, "standing": attribute_standing(figure)}
        for method, by_kind in found.items()
        for kind, figure in by_kind.items()
    ]
    measured = any(row["kind"] == HELD_OUT and row["figures"] is not None for row in rows)
    return {"rows": rows, "uri": seen_held_out(found) if measured else "", "names": held_out(vocabulary)}
