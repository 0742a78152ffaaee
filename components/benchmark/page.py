"""One self-contained page per table: tables, plots, and where and why the figures differ from the paper's."""

import base64
from pathlib import Path
from typing import Any

from components.benchmark import text
from components.benchmark.cells import Cell, Drop
from components.benchmark.items import Asked
from components.benchmark.papers import TITLES

_HERE = Path(__file__).parent


def render_page(asked: Asked, dataset: str, cells: list[Cell], drops: list[Drop], pictures: list[tuple[Path, str]],
                notes: dict[str, Any]) -> str:
    """HTML with everything in it; every text from the run is escaped. notes: conditions, below_chance, deviations."""
    figures = [{"title": TITLES[figure], "rows": _shaped(asked, cells, figure), "chance": next((
        cell.chance for cell in cells if cell.figure == figure and cell.chance is not None), None)}
               for figure in asked.table.figures]
    rendered: str = _template().render(
        table=asked.table, dataset=dataset, bits=asked.bits, seeds=asked.seeds, figures=figures, cells=cells,
        drops=drops, text=text, **notes,
        pictures=[{"uri": "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode(), "caption": caption}
                  for path, caption in pictures],
        style=(_HERE.parent / "report" / "style.css").read_text())
    return rendered


def _shaped(asked: Asked, cells: list[Cell], figure: str) -> list[dict[str, Any]]:
    own = {(cell.row, cell.bits): cell for cell in cells if cell.figure == figure}
    return [{"name": row.name, "cells": [own[row.name, bits] for bits in asked.bits]} for row in asked.table.rows]


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("page.html")
