"""One self-contained page per table: tables, plots, and where and why the figures differ from the paper's."""

import base64
from pathlib import Path
from typing import Any

from medhash.benchmark import text
from medhash.benchmark.cells import Cell, Drop
from medhash.benchmark.items import Asked
from medhash.benchmark.papers import TITLES

_HERE = Path(__file__).parent


def render_page(
    asked: Asked,
    dataset: str,
    cells: list[Cell],
    drops: list[Drop],
    pictures: list[tuple[Path, str]],
    notes: dict[str, Any],
) -> str:
    """HTML with everything in it; every text from the run is escaped.

    notes: conditions, below_chance, deviations, classes (of `class_grids`), uncertainty_notes, parts (of `part_grids`)
    and part_text, which words a cell of them.
    """
    shown = [
        {
            "title": grid.title,
            "headings": [heading for heading, _, _ in grid.columns],
            "rows": _shaped(asked, cells, grid),
            "chance": [text.chance_of(cells, figure) for _, figure, _ in grid.columns],
        }
        for grid in text.grids(asked)
    ]
    rendered: str = _template().render(
        table=asked.table,
        dataset=dataset,
        over=text.over(asked),
        grids=shown,
        cells=cells,
        drops=drops,
        text=text,
        printed=any(row.printed for row in asked.table.rows),
        first_figure=TITLES[asked.table.figures[0]],
        **notes,
        pictures=[
            {"uri": "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode(), "caption": caption}
            for path, caption in pictures
        ],
        style=(_HERE.parent / "core" / "style.css").read_text(),
    )
    return rendered


def _shaped(asked: Asked, cells: list[Cell], grid: text.Grid) -> list[dict[str, Any]]:
    own = {(cell.row, cell.figure, cell.bits): cell for cell in cells}
    return [
        {"name": row.name, "cells": [own[row.name, figure, bits] for _, figure, bits in grid.columns]}
        for row in asked.table.rows
    ]


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html")
