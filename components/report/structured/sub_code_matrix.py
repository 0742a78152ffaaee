"""Does each sub-code rank its own attribute best? A matrix of sub-codes by attributes, for every method with them."""

from collections.abc import Mapping
from typing import Any

from components.documents import AttributeFigures, StructuredFigures

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
    astray = [
        f"{attribute} is ranked best by the sub-code {name}" if name else f"{attribute} is ranked above chance by none"
        for attribute, name in best.items()
        if name != attribute
    ]
    if not best:
        return ""
    if not astray:
        return "Of the sub-codes, each ranks its own attribute best."
    return f"Not every sub-code ranks its own attribute best: {'; '.join(astray)}."
