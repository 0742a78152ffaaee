"""The figures of a table by attribute, sub-code and preference, and of held-out combinations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.benchmark.cells import lines_of
from medhash.benchmark.items import Asked
from medhash.benchmark.results import Measured
from medhash.core.data_sets import SetWorkspace
from medhash.core.documents import AttributeFigures, StructuredFigures
from medhash.core.params import Params
from medhash.retrieval.evaluation.attributes import carried_by_sets, unseen_sets
from medhash.retrieval.evaluation.compare import compare
from medhash.retrieval.evaluation.tables import Tables


def unseen_sentences(workspace: SetWorkspace, asked: Asked, results: Sequence[Measured], params: Params) -> list[str]:
    """A sentence per row and code length on how far it lies below the best row, with its interval; none without any
    combination that is held out."""
    held_out = held_out_cases(workspace)
    if not len(held_out):
        return []
    sentences = []
    for bits in asked.bits:
        found = {
            result.row.name: queries
            for result in results
            if result.bits == bits and result.queries is not None and len(queries := _of(result.queries, held_out))
        }
        means = {name: float(np.nanmean(queries["ap_expected"].to_numpy())) for name, queries in found.items()}
        if len(means) < 2:
            continue
        best = max(means, key=means.__getitem__)
        for name in sorted(means.keys() - {best}, key=means.__getitem__, reverse=True):
            apart = compare(found[name], found[best], params.evaluate.bootstrap_samples, params.seed)["map"]
            sentences.append(
                f"Held-out combinations, {bits} bits: {name} lies {apart.value:+.3f} "
                f"[{apart.low:+.3f}, {apart.high:+.3f}] from {best} in MAP ({means[best]:.3f})"
            )
    return sentences


def held_out_cases(workspace: SetWorkspace) -> pa.Array:
    """Bag ids of the cases whose combinations stand in no training case; empty where labels combine nothing."""
    tables = Tables.read(workspace)
    if not tables.vocabulary.attributes:
        return pa.array([], pa.string())
    unseen = unseen_sets(tables, carried_by_sets(tables))
    return tables.labels.filter(pa.array(unseen[tables.labels["set_id"].to_numpy()]))["bag_id"].combine_chunks()


def _of(queries: pa.Table, bag_ids: pa.Array) -> pa.Table:
    return queries.filter(pc.is_in(queries["bag_id"], value_set=bag_ids)).filter(pc.greater(pc.field("n_relevant"), 0))


Read = Callable[[StructuredFigures], AttributeFigures | None]


@dataclass(frozen=True)
class PartCell:
    """One figure of one row at some bits, over its seeds."""

    section: str
    row: str
    method: str
    bits: int
    part: str
    """What the queries are, or what is relevant: an attribute, `joint`, `seen`, `held out`."""
    n_queries: int
    mean: float | None
    """None if the row failed or has no such part, and so are the fields below."""
    std: float | None
    low: float | None
    high: float | None
    """95 % interval over patients of the seed where it is widest; None of figures without one."""
    chance: float | None
    exchanged: float | None
    """The figure where queries exchange their values, mean over seeds; None of figures without it."""


@dataclass(frozen=True)
class PartGrid:
    """Rows × parts at some bits."""

    title: str
    about: str
    bits: int
    headings: list[str]
    rows: list[tuple[str, list[PartCell]]]
    chance: list[float | None]


BY_ATTRIBUTE = "MAP by attribute, by the whole code"
OWN = "MAP of each attribute's own sub-code"
UNSEEN = "MAP of combinations, seen in training and held out"
PREFERRED = "Preference satisfaction@10"
_ABOUT = {
    BY_ATTRIBUTE: "joint: relevant is what shares a combination of values; of an attribute: what shares a value of it.",
    OWN: "The attribute's bits alone rank the gallery; rows whose code has no parts have none.",
    UNSEEN: "Joint relevance; the gallery holds cases of the held-out combinations, the train fold none.",
    PREFERRED: "Share of the 10 nearest that have the query's value: by the whole code, and where the attribute's "
    "sub-code comes first.",
}


def make_part_cells(asked: Asked, results: list[Measured]) -> list[PartCell]:
    """Every part that a row has, section by section; none of data sets whose labels combine no attributes."""
    measured = [one.structured for result in results for one in result.metrics if one.structured is not None]
    if not measured:
        return []
    attributes = list(dict.fromkeys(name for one in measured for name in one.attributes))
    groups = list(dict.fromkeys(name for one in measured for name in one.combinations))
    cells = []
    for bits in asked.bits:
        for result in (result for result in results if result.bits == bits):
            cells += [
                _cell(BY_ATTRIBUTE, result, "joint", lambda one: one.joint),
                *(_cell(BY_ATTRIBUTE, result, name, _by_attribute(name)) for name in attributes),
                *(_cell(OWN, result, name, _by_own(name)) for name in attributes),
                *(_cell(UNSEEN, result, name, _by_group(name)) for name in groups),
                *(cell for name in attributes for cell in _preference(result, name)),
            ]
    return cells


def part_grids(asked: Asked, cells: Sequence[PartCell]) -> list[PartGrid]:
    """A grid per section and code length."""
    grids = []
    for bits in asked.bits:
        for section, about in _ABOUT.items():
            of_section = [cell for cell in cells if cell.section == section and cell.bits == bits]
            rows = {row.name: [cell for cell in of_section if cell.row == row.name] for row in asked.table.rows}
            columns = list(zip(*rows.values(), strict=True))
            headed = [max(column, key=lambda cell: (cell.mean is not None, cell.n_queries)) for column in columns]
            if any(cell.mean is not None for cell in headed):
                grids.append(
                    PartGrid(
                        section,
                        about,
                        bits,
                        [f"{cell.part} ({cell.n_queries:,})" for cell in headed],
                        list(rows.items()),
                        [cell.chance for cell in headed],
                    )
                )
    return grids


def as_csv(cells: Sequence[PartCell]) -> str:
    """A line per cell; empty where there is nothing."""
    return lines_of(PartCell, cells)


def as_markdown(grids: Sequence[PartGrid]) -> list[str]:
    lines = []
    for grid in grids:
        lines += [
            f"## {grid.title}, {grid.bits} bits",
            "",
            f"{grid.about} In the heading the number of queries; in "
            "brackets the 95 % interval over patients of the seed where it is widest; after / what is scored "
            "where queries exchange their values.",
            "",
            "| row | " + " | ".join(grid.headings) + " |",
            "|---" * (len(grid.headings) + 1) + "|",
        ]
        lines += [f"| {name} | " + " | ".join(map(as_text, row)) + " |" for name, row in grid.rows]
        chance = ["–" if value is None else f"{value:.3f}" for value in grid.chance]
        lines += [f"| chance | {' | '.join(chance)} |", ""]
    return lines


def as_text(cell: PartCell) -> str:
    """Mean ± standard deviation over seeds, the widest interval, and what exchanged labels score."""
    if cell.mean is None:
        return "–"
    spread = f" ± {cell.std:.3f}" if cell.std is not None else ""
    return (
        f"{cell.mean:.3f}{spread}"
        + ("" if cell.low is None else f" [{cell.low:.3f}, {cell.high:.3f}]")
        + ("" if cell.exchanged is None else f" / {cell.exchanged:.3f}")
    )


def _by_attribute(name: str) -> Read:
    return lambda one: one.attributes.get(name)


def _by_own(name: str) -> Read:
    return lambda one: one.sub_codes.get(name, {}).get(name)


def _by_group(name: str) -> Read:
    return lambda one: one.combinations.get(name)


def _cell(section: str, result: Measured, part: str, read: Read) -> PartCell:
    found = [
        figures
        for one in result.metrics
        if one.structured is not None and (figures := read(one.structured)) is not None
    ]
    widest = max((one.interval for one in found), key=lambda interval: interval.high - interval.low, default=None)
    return _made(
        section,
        result,
        part,
        [one.map for one in found],
        found[0].n_queries if found else 0,
        found[0].chance_map if found else None,
        (widest.low, widest.high) if widest else (None, None),
        float(np.mean([one.exchanged_map for one in found])) if found else None,
    )


def _preference(result: Measured, name: str) -> list[PartCell]:
    found = [
        one.structured.preference[name]
        for one in result.metrics
        if one.structured is not None and name in one.structured.preference
    ]
    n_queries, chance = (found[0].n_queries, found[0].chance) if found else (0, None)
    return [
        _made(PREFERRED, result, part, values, n_queries, chance)
        for part, values in (
            (name, [one.plain for one in found]),
            (f"{name} preferred", [one.preferred for one in found if one.preferred is not None]),
        )
    ]


def _made(
    section: str,
    result: Measured,
    part: str,
    values: list[float],
    n_queries: int,
    chance: float | None,
    interval: tuple[float | None, float | None] = (None, None),
    exchanged: float | None = None,
) -> PartCell:
    return PartCell(
        section,
        result.row.name,
        result.row.method,
        result.bits,
        part,
        n_queries,
        float(np.mean(values)) if values else None,
        float(np.std(values, ddof=1)) if len(values) > 1 else None,
        *interval,
        chance,
        exchanged,
    )
