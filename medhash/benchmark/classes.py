"""A table's first figure, MAP, for the queries of each class by themselves: one class can hide behind another."""

from dataclasses import dataclass

import numpy as np

from medhash.benchmark.cells import lines_of
from medhash.benchmark.items import Asked
from medhash.benchmark.results import Measured
from medhash.core.documents import SliceFigures


@dataclass(frozen=True)
class ClassCell:
    """MAP of the queries that carry one label, of one row at some bits, over its seeds."""

    row: str
    method: str
    bits: int
    label: str
    n_answerable: int
    """Queries of the class to which something in the gallery is relevant."""
    n_patients: int
    mean: float | None
    """None if every seed failed or no query of the class is answerable, and so are the fields below."""
    std: float | None
    low: float | None
    high: float | None
    """95 % interval over patients of the seed where it is widest; None for fewer than two patients."""
    chance: float | None


def make_class_cells(asked: Asked, results: list[Measured]) -> list[ClassCell]:
    """Every class that test queries carry, by bits, then the table's rows; none where the table asks for none."""
    if not asked.table.by_class:
        return []
    labels = list(
        dict.fromkeys(label for result in results for one in result.metrics for label in one.slices.get("label", {}))
    )
    return [
        _cell(result, label) for bits in asked.bits for result in results if result.bits == bits for label in labels
    ]


@dataclass(frozen=True)
class ClassGrid:
    """Rows × classes at some bits."""

    bits: int
    headings: list[str]
    rows: list[tuple[str, list[ClassCell]]]
    chance: list[float | None]


def class_grids(asked: Asked, cells: list[ClassCell]) -> list[ClassGrid]:
    """A grid per code length."""
    grids = []
    for bits in asked.bits:
        by_row = {
            row.name: [cell for cell in cells if cell.bits == bits and cell.row == row.name] for row in asked.table.rows
        }
        # A row that failed knows of no queries; every other has the same.
        of_label = [max(column, key=lambda cell: cell.n_answerable) for column in zip(*by_row.values(), strict=True)]
        if of_label:
            grids.append(
                ClassGrid(
                    bits,
                    [
                        f"{cell.label} ({cell.n_answerable:,} cases of {cell.n_patients:,} patients)"
                        for cell in of_label
                    ],
                    list(by_row.items()),
                    [cell.chance for cell in of_label],
                )
            )
    return grids


def as_csv(cells: list[ClassCell]) -> str:
    """A line per row, bits and class; empty where there is nothing."""
    return lines_of(ClassCell, cells)


def _cell(result: Measured, label: str) -> ClassCell:
    found: list[SliceFigures] = [
        one.slices["label"][label] for one in result.metrics if label in one.slices.get("label", {})
    ]
    values = np.array([one.map for one in found if one.map is not None])
    intervals = [one.interval for one in found if one.interval is not None]
    widest = max(intervals, key=lambda one: one.high - one.low) if intervals else None
    return ClassCell(
        row=result.row.name,
        method=result.row.method,
        bits=result.bits,
        label=label,
        n_answerable=found[0].n_answerable if found else 0,
        n_patients=found[0].n_patients if found else 0,
        mean=float(values.mean()) if len(values) else None,
        std=float(values.std(ddof=1)) if len(values) > 1 else None,
        low=widest.low if widest else None,
        high=widest.high if widest else None,
        chance=found[0].chance_map if found else None,
    )
