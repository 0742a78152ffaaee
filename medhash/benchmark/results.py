"""What a table's rows measured: read from the items' files, one cell per row, bits and figure."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from medhash.benchmark import facts
from medhash.benchmark.items import Asked, Item
from medhash.benchmark.papers import PaperRow
from medhash.core.contracts import QUERIES, read_table
from medhash.core.data_sets import SetWorkspace
from medhash.core.documents import Difference, Interval, Metrics
from medhash.core.errors import MedhashError
from medhash.retrieval.evaluation.compare import compare
from medhash.retrieval.evaluation.ranked import FIGURE_COLUMNS

COLLAPSED_SHARE = 0.02
"""Fewer distinct codes than this share of the gallery: most of a ranking is decided by the order of ties."""


@dataclass(frozen=True)
class Measured:
    """One method with codes of some bits, over its seeds."""

    row: PaperRow
    bits: int
    seeds: dict[int, Metrics]
    """Seed → figures, of the seeds that were measured."""
    facts: dict[int, facts.Facts]
    queries: pa.Table | None
    """Contract QUERIES, every value the mean over seeds; None where nothing was measured."""
    failures: dict[int, str]
    """Seed → why there is no figure."""

    @property
    def metrics(self) -> list[Metrics]:
        return list(self.seeds.values())

    def values(self, figure: str) -> np.ndarray:
        """The figure of every seed, float64, (n,)."""
        return np.array([getattr(one.figures, figure) for one in self.metrics])

    def mean(self, figure: str) -> float:
        return float(self.values(figure).mean())

    def std(self, figure: str) -> float | None:
        """Standard deviation over seeds, n - 1 in its divisor; None for fewer than two."""
        values = self.values(figure)
        return float(values.std(ddof=1)) if len(values) > 1 else None

    def interval(self, figure: str) -> tuple[int, Interval]:
        """The seed whose 95 % patient-bootstrap interval is the widest, and that interval."""
        return max(
            ((seed, one.intervals[figure]) for seed, one in self.seeds.items()),
            key=lambda found: (found[1].high - found[1].low, -found[0]),
        )

    def chance(self, figure: str) -> float:
        """The figure for a gallery in random order; it hangs on labels and folds alone, so every seed has the same."""
        return float(getattr(self.metrics[0].chance, figure))

    @property
    def n_distinct(self) -> tuple[int, int]:
        """The least and the greatest number of distinct gallery codes over seeds."""
        counts = [one.n_distinct_codes for one in self.metrics]
        return min(counts), max(counts)

    def reason_not_above_chance(self, figure: str) -> str | None:
        """Why this figure says nothing, as far as the facts tell; None if every seed's interval lies above chance."""
        chance, low = self.chance(figure), min(one.intervals[figure].low for one in self.metrics)
        if low > chance:
            return None
        # One code for all images ranks as a random order does, up to the rounding of sums.
        reason = (
            "at chance"
            if math.isclose(self.mean(figure), chance, rel_tol=1e-9)
            else "below chance"
            if self.mean(figure) < chance
            else "the interval contains chance"
        )
        if self.n_distinct[0] < COLLAPSED_SHARE * self.metrics[0].n_gallery:
            reason += f"; collapsed codes: {self.n_distinct[0]} distinct of {self.metrics[0].n_gallery:,}"
        if figure == "precision_h2" and (empty := max(one.figures.empty_ball_rate for one in self.metrics)) > 0.5:
            reason += f"; nothing lies within radius 2 of {empty:.0%} of the queries, which counts as 0"
        return reason


def read_results(workspace: SetWorkspace, asked: Asked, failures: dict[Item, str]) -> list[Measured]:
    """Every row of the table at every bits, in the table's order. failures: items without a result, and why.

    Raises MedhashError if rows were measured on different queries, galleries or labels.
    """
    results = []
    for row in asked.table.rows:
        for bits in asked.bits:
            of_row = {
                seed: failures[item] for seed in asked.seeds if (item := Item(row.method, bits, seed)) in failures
            }
            folders = {seed: workspace.row(row.method, bits, seed) for seed in asked.seeds if seed not in of_row}
            results.append(
                Measured(
                    row,
                    bits,
                    {seed: Metrics.read(folder / facts.METRICS) for seed, folder in folders.items()},
                    {seed: facts.Facts.read(folder / facts.FACTS) for seed, folder in folders.items()},
                    mean_queries(list(folders.values())),
                    of_row,
                )
            )
    if len({one.evaluation_digest for result in results for one in result.metrics}) > 1:
        raise MedhashError(
            "the rows were not measured on the same queries, gallery and labels",
            "run `medhash benchmark` for this table again, which measures what is stale",
        )
    return results


def mean_queries(folders: list[Path]) -> pa.Table | None:
    """The query tables of several seeds as one: the mean of each query's figures."""
    tables = [read_table(folder / facts.QUERIES, QUERIES).sort_by("bag_id") for folder in folders]
    if not tables:
        return None
    first = tables[0]
    for column in FIGURE_COLUMNS.values():
        mean = np.mean([table[column].to_numpy().astype(np.float64) for table in tables], axis=0)
        first = first.set_column(
            first.column_names.index(column), QUERIES.field(column), pa.array(mean, pa.float64(), from_pandas=True)
        )
    return first


def best_of(results: list[Measured], bits: int, figure: str) -> Measured | None:
    """The measured row with the highest mean at these bits; of equals, the first."""
    found = [result for result in results if result.bits == bits and result.seeds]
    return max(found, key=lambda result: result.mean(figure)) if found else None


def difference(a: Measured, b: Measured, figure: str, n_samples: int, seed: int) -> Difference | None:
    """How far a lies above b, mean over seeds, paired by query, 95 % interval over patients; None if one is missing."""
    if a.queries is None or b.queries is None:
        return None
    return compare(a.queries, b.queries, n_samples, seed)[figure]
