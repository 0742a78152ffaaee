"""The cells of a table: what the paper prints, what was measured here, and how far a cell can be trusted."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from medhash.benchmark.items import Asked
from medhash.benchmark.papers import TITLES
from medhash.benchmark.results import Measured, best_of, difference
from medhash.core.documents import Difference
from medhash.core.params import Params


def lines_of(kind: type[Any], cells: Sequence[Any]) -> str:
    """The fields of a dataclass as columns, a header first; figures with six digits after the point."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in fields(kind)]
    writer.writerow(names)
    for cell in cells:
        values = [getattr(cell, name) for name in names]
        writer.writerow(
            ["" if value is None else f"{value:.6f}" if isinstance(value, float) else value for value in values]
        )
    return out.getvalue()


@dataclass(frozen=True)
class Cell:
    """One row, bits and figure. All figures are shares, 0 to 1 (ACG@100: labels in common)."""

    row: str
    method: str
    bits: int
    figure: str
    paper: float | None
    mean: float | None
    """Over seeds; None if every seed failed, and so are the fields below."""
    std: float | None
    n_seeds: int
    low: float | None
    high: float | None
    """95 % interval over patients of the seed where it is widest."""
    interval_seed: int | None
    chance: float | None
    n_distinct_min: int | None
    n_distinct_max: int | None
    n_gallery: int | None
    not_above_chance: str | None
    """Why the figure says nothing; None if it lies above chance."""
    best: str
    """The row with the highest mean at these bits."""
    to_best: Difference | None
    """How far this row lies above the best one."""
    failure: str | None

    @property
    def title(self) -> str:
        return TITLES[self.figure]


def make_cells(asked: Asked, results: list[Measured], params: Params) -> list[Cell]:
    """Every cell, by figure, then bits, then the table's rows."""
    cells = []
    for figure in asked.table.figures:
        for bits in asked.bits:
            best = best_of(results, bits, figure)
            for result in results:
                if result.bits == bits:
                    cells.append(_cell(result, figure, best, params))
    return cells


def _cell(result: Measured, figure: str, best: Measured | None, params: Params) -> Cell:
    paper = result.row.printed.get((result.bits, figure))
    failure = "; ".join(f"seed {seed}: {message}" for seed, message in result.failures.items()) or None
    measured = bool(result.seeds)
    seed, interval = result.interval(figure) if measured else (None, None)
    low, high = (interval.low, interval.high) if interval else (None, None)
    distinct = result.n_distinct if measured else (None, None)
    to_best = None
    if measured and best is not None and best is not result:
        to_best = difference(result, best, figure, params.evaluate.bootstrap_samples, params.seed)
    return Cell(
        row=result.row.name,
        method=result.row.method,
        bits=result.bits,
        figure=figure,
        paper=paper,
        mean=result.mean(figure) if measured else None,
        std=result.std(figure) if measured else None,
        n_seeds=len(result.seeds),
        low=low,
        high=high,
        interval_seed=seed,
        chance=result.chance(figure) if measured else None,
        n_distinct_min=distinct[0],
        n_distinct_max=distinct[1],
        n_gallery=result.metrics[0].n_gallery if measured else None,
        not_above_chance=result.reason_not_above_chance(figure) if measured else None,
        best=best.row.name if best else "",
        to_best=to_best,
        failure=failure,
    )


@dataclass(frozen=True)
class Drop:
    """What binarising costs: a figure of relaxed codes and of their signs, and the difference with its interval."""

    relaxed: str
    binary: str
    bits: int
    figure: str
    value: Difference
    paper: float | None
    """The same difference of the paper's cells."""

    @property
    def title(self) -> str:
        return TITLES[self.figure]


def make_drops(asked: Asked, results: list[Measured], params: Params) -> list[Drop]:
    """For every unbinarised row whose binarised row is in the table too."""
    from medhash.hashing.catalogue import Unbinarised, find_method

    drops = []
    for relaxed in results:
        method = find_method(relaxed.row.method)
        if not isinstance(method, Unbinarised):
            continue
        for binary in results:
            if binary.row.method == method.of and binary.bits == relaxed.bits:
                for figure in asked.table.figures:
                    found = difference(relaxed, binary, figure, params.evaluate.bootstrap_samples, params.seed)
                    key = (relaxed.bits, figure)
                    printed = (
                        round(relaxed.row.printed[key] - binary.row.printed[key], 6)
                        if key in relaxed.row.printed and key in binary.row.printed
                        else None
                    )
                    if found is not None:
                        drops.append(Drop(relaxed.row.name, binary.row.name, relaxed.bits, figure, found, printed))
    return drops
