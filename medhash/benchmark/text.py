"""A table as Markdown, in the paper's shape and cell by cell, and as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields

from medhash.benchmark.cells import Cell, Drop
from medhash.benchmark.classes import ClassCell, ClassGrid, class_grids
from medhash.benchmark.items import Asked
from medhash.benchmark.papers import TITLES

FLAG = "†"
"""Marks a figure that does not lie above chance."""


def as_csv(cells: list[Cell]) -> str:
    """A line per cell; empty where there is nothing. Figures are shares, not percent."""
    names = [field.name for field in fields(Cell) if field.name != "to_best"]
    of_best = ["to_best", "to_best_low", "to_best_high", "to_best_p"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names + of_best)
    for cell in cells:
        difference = cell.to_best
        writer.writerow(
            [_plain(getattr(cell, name)) for name in names]
            + (
                [_plain(value) for value in (difference.value, difference.low, difference.high, difference.p_value)]
                if difference
                else [""] * 4
            )
        )
    return out.getvalue()


def as_markdown(
    asked: Asked,
    dataset: str,
    cells: list[Cell],
    drops: list[Drop],
    classes: Sequence[ClassCell] = (),
    uncertainty_notes: Sequence[str] = (),
    parts: Sequence[str] = (),
) -> str:
    """Paper-shaped tables first, one per figure, then every cell with its interval, chance and comparison.

    classes: the first figure class by class; uncertainty_notes: how much the test patients can show; parts: lines on
    figures by attribute.
    """
    printed = (
        "in brackets what the paper prints, on its own data. " if any(row.printed for row in asked.table.rows) else ""
    )
    lines = [
        f"# {asked.table.title}",
        "",
        f"Shape: {asked.table.source}. Data set: `{dataset}`. Ours: {over(asked)}; "
        f"{printed}{FLAG}: not above chance. Bold: the best.",
        "",
    ]
    for grid in grids(asked):
        lines += [f"## {grid.title}", "", *shaped(asked, cells, grid), ""]
    for of_classes in class_grids(asked, list(classes)):
        lines += [
            f"## {TITLES[asked.table.figures[0]]} class by class, {of_classes.bits} bits",
            "",
            *_by_class(of_classes),
            "",
        ]
    lines += parts
    if uncertainty_notes:
        lines += [
            "## How much these test patients can show",
            "",
            *(f"- {_safe(sentence)}" for sentence in uncertainty_notes),
            "",
        ]
    lines += [
        "## Cell by cell",
        "",
        "The interval is the 95 % bootstrap over patients of the seed where it is widest; the difference to the "
        "best row at these bits is the mean over seeds, paired by query, with its own interval.",
        "",
        "| figure | bits | row | method | paper | ours | 95 % interval | chance | distinct codes | to the best | "
        "why not above chance, or failed |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {cell.title} | {cell.bits} | {cell.row} | `{cell.method}` | {number(cell.paper)} | {ours(cell)} | "
        f"{interval(cell)} | {number(cell.chance)} | {distinct(cell)} | {to_best(cell)} | "
        f"{_safe(cell.failure or cell.not_above_chance or '')} |"
        for cell in cells
    ]
    if drops:
        lines += [
            "",
            "## What binarising costs",
            "",
            "| figure | bits | relaxed | binary | relaxed - binary | paper |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {drop.title} | {drop.bits} | {drop.relaxed} | {drop.binary} | {drop.value.value:+.4f} "
            f"[{drop.value.low:+.4f}, {drop.value.high:+.4f}] | {number(drop.paper)} |"
            for drop in drops
        ]
    return "\n".join(lines) + "\n"


def over(asked: Asked) -> str:
    """What a figure is over seeds, in words."""
    seeds = ", ".join(map(str, asked.seeds))
    return f"mean ± standard deviation over seeds {seeds}" if len(asked.seeds) > 1 else f"seed {seeds}"


@dataclass(frozen=True)
class Grid:
    """A table of rows × columns: code lengths of one figure, or figures at one code length."""

    title: str
    columns: tuple[tuple[str, str, int], ...]
    """(heading, figure, bits)"""


def grids(asked: Asked) -> list[Grid]:
    """A grid per figure, or one for all figures where there is one code length."""
    if len(asked.bits) == 1:
        return [
            Grid(
                f"{asked.bits[0]} bits",
                tuple((TITLES[figure], figure, asked.bits[0]) for figure in asked.table.figures),
            )
        ]
    return [
        Grid(TITLES[figure], tuple((f"{bits} bits", figure, bits) for bits in asked.bits))
        for figure in asked.table.figures
    ]


def shaped(asked: Asked, cells: list[Cell], grid: Grid) -> list[str]:
    """The grid as Markdown, the last line chance."""
    own = {(cell.row, cell.figure, cell.bits): cell for cell in cells}
    lines = [
        "| row | " + " | ".join(heading for heading, _, _ in grid.columns) + " |",
        "|---" * (len(grid.columns) + 1) + "|",
    ]
    for row in asked.table.rows:
        lines.append(
            f"| {row.name} | "
            + " | ".join(_shaped(own[row.name, figure, bits]) for _, figure, bits in grid.columns)
            + " |"
        )
    chance = [number(chance_of(cells, figure)) for _, figure, _ in grid.columns]
    return [*lines, f"| chance | {' | '.join(chance)} |"]


def _by_class(grid: ClassGrid) -> list[str]:
    lines = [
        "| row | " + " | ".join(_safe(heading) for heading in grid.headings) + " |",
        "|---" * (len(grid.headings) + 1) + "|",
    ]
    lines += [f"| {name} | " + " | ".join(of_class(cell) for cell in row) + " |" for name, row in grid.rows]
    return [*lines, f"| chance | {' | '.join(number(chance) for chance in grid.chance)} |"]


def of_class(cell: ClassCell) -> str:
    """Mean ± standard deviation over seeds, and the widest interval."""
    if cell.mean is None:
        return "–"
    spread = f" ± {cell.std:.3f}" if cell.std is not None else ""
    return f"{cell.mean:.3f}{spread}" + ("" if cell.low is None else f" [{cell.low:.3f} – {cell.high:.3f}]")


def chance_of(cells: list[Cell], figure: str) -> float | None:
    """What a random order scores; it does not depend on the code length."""
    return next((cell.chance for cell in cells if cell.figure == figure and cell.chance is not None), None)


def ours(cell: Cell) -> str:
    """Mean ± standard deviation over seeds."""
    if cell.mean is None:
        return "failed"
    spread = f" ± {cell.std:.4f}" if cell.std is not None else ""
    return f"{cell.mean:.4f}{spread}{FLAG if cell.not_above_chance else ''}"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def interval(cell: Cell) -> str:
    return "–" if cell.low is None else f"{cell.low:.4f} – {cell.high:.4f} (seed {cell.interval_seed})"


def distinct(cell: Cell) -> str:
    if cell.n_distinct_min is None:
        return "–"
    span = (
        f"{cell.n_distinct_min:,}"
        if cell.n_distinct_min == cell.n_distinct_max
        else f"{cell.n_distinct_min:,} – {cell.n_distinct_max:,}"
    )
    return f"{span} of {cell.n_gallery:,}"


def to_best(cell: Cell) -> str:
    if cell.mean is None:
        return "–"
    if cell.to_best is None:
        return "the best"
    found = cell.to_best
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def _shaped(cell: Cell) -> str:
    text = f"**{ours(cell)}**" if cell.mean is not None and cell.row == cell.best else ours(cell)
    return text + (f" ({cell.paper:.4f})" if cell.paper is not None else "")


def _safe(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def _plain(value: object) -> object:
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value).replace("\n", " ")
