"""Cells from results whose figures are made by hand: means, intervals, differences, and what is said of chance."""

import math

import numpy as np
import pyarrow as pa
import pytest

from medhash.benchmark.cells import make_cells, make_drops
from medhash.benchmark.items import ask
from medhash.benchmark.notes import below_chance
from medhash.benchmark.results import Measured
from medhash.benchmark.text import FLAG, as_csv, as_markdown, grids
from medhash.core.contracts import QUERIES
from medhash.core.documents import Figures, Interval, Metrics
from medhash.core.params import Params

PARAMS = Params.model_validate({"methods": ["lsh"], "evaluate": {"bootstrap_samples": 200}})
PATIENTS = np.repeat([f"p{number}" for number in range(10)], 2)


def metrics(value, low, high, chance=0.25, n_distinct=500):
    names = dict.fromkeys(Figures.model_fields, value)
    return Metrics(
        method="m",
        bits=64,
        n_queries=20,
        n_gallery=1000,
        no_relevant_rate=0.0,
        figures=Figures(**names),
        chance=Figures(**dict.fromkeys(names, chance)),
        slices={},
        curve=[],
        validation_map=None,
        intervals=dict.fromkeys(("map", "precision_h2"), Interval(value=value, low=low, high=high)),
        validation_chance=None,
        n_distinct_codes=n_distinct,
        bit_balance=[0.5],
        evaluation_digest="same",
        model_digest=str(value),
    )


def queries(ap):
    """Contract QUERIES of 20 queries with these average precisions, and as precision in the ball."""
    columns = {"bag_id": [f"i{number:02}" for number in range(20)], "patient_id": PATIENTS, "n_relevant": [3] * 20}
    return pa.table(
        {
            field.name: pa.array(columns.get(field.name, [1] * 20 if "within" in field.name else ap), field.type)
            for field in QUERIES
        }
    )


def table(**by_method):
    """drh2 at 64 bits with what each method measured: a list of seeds' metrics, queries, failures."""
    asked = ask("drh2", list(by_method), None, [0, 1])
    results = [
        Measured(row, 64, dict(enumerate(seeds)), {}, found, failures)
        for row in asked.table.rows
        for seeds, found, failures in [by_method[row.method]]
    ]
    return asked, results


def rows(**by_method):
    asked, results = table(**{name.replace("_", "-"): value for name, value in by_method.items()})
    return asked, results, {(cell.method, cell.figure): cell for cell in make_cells(asked, results, PARAMS)}


@pytest.mark.parametrize(
    ("name", "bits", "headings"),
    [
        ("drh1", None, [["16 bits", "32 bits", "48 bits", "64 bits"]]),
        ("osdh2", None, [["NDCG@100", "ACG@100", "mAPw"]]),
        ("osdh2", [16, 32], [["16 bits", "32 bits"]] * 3),
    ],
)
def test_columns_are_code_lengths_or_the_figures_of_one_length(name, bits, headings):
    assert [[heading for heading, _, _ in grid.columns] for grid in grids(ask(name, None, bits, [0]))] == headings


def test_mean_deviation_and_the_widest_interval_are_those_of_the_seeds():
    one = ([metrics(0.4, 0.35, 0.45), metrics(0.5, 0.3, 0.6)], queries(np.full(20, 0.45)), {})
    *_, cells = rows(drh_18=one)
    cell = cells["drh-18", "map"]
    assert cell.mean == pytest.approx(0.45)
    assert cell.std == pytest.approx(math.sqrt(0.005), abs=1e-12)
    assert (cell.low, cell.high, cell.interval_seed) == (0.3, 0.6, 1)
    assert cell.paper == pytest.approx(0.6744)
    assert cell.not_above_chance is None


@pytest.mark.parametrize(
    ("low", "value", "n_distinct", "said"),
    [
        (0.20, 0.30, 500, "the interval contains chance"),
        (0.10, 0.20, 500, "below chance"),
        (0.20, 0.25 + 1e-15, 1, "at chance"),
        (0.20, 0.30, 7, "collapsed codes: 7 distinct of 1,000"),
    ],
)
def test_a_row_that_is_not_above_chance_says_why(low, value, n_distinct, said):
    *_, cells = rows(drh_18=([metrics(value, low, 0.5, n_distinct=n_distinct)], queries(np.full(20, value)), {}))
    assert said in cells["drh-18", "map"].not_above_chance
    assert ("collapsed" in cells["drh-18", "map"].not_above_chance) == (n_distinct < 20)


def test_rows_are_compared_with_the_best_query_by_query():
    """Every query is worse by 0.1, whatever the spread between queries: the interval has no width."""
    easy = np.linspace(0.2, 0.9, 20)
    *_, cells = rows(
        drh_18=([metrics(0.55, 0.5, 0.6)], queries(easy), {}),
        dph_18=([metrics(0.45, 0.4, 0.5)], queries(easy - 0.1), {}),
    )
    assert cells["drh-18", "map"].to_best is None
    worse = cells["dph-18", "map"].to_best
    assert (worse.value, worse.low, worse.high) == pytest.approx((-0.1, -0.1, -0.1))
    assert cells["dph-18", "map"].best == "DRH 18-L"


def test_the_drop_to_binary_codes_stands_beside_the_papers():
    asked, results, _ = rows(
        drh_nb_18=([metrics(0.6, 0.5, 0.7)], queries(np.full(20, 0.6)), {}),
        drh_18=([metrics(0.55, 0.5, 0.6)], queries(np.full(20, 0.55)), {}),
    )
    drops = {drop.figure: drop for drop in make_drops(asked, results, PARAMS)}
    assert drops["map"].value.value == pytest.approx(0.05)
    assert drops["map"].paper == pytest.approx(0.0177)


def test_a_failed_row_is_shown_and_leaves_the_others_their_figures():
    asked, results, cells = rows(
        drh_18=([metrics(0.55, 0.5, 0.6)], queries(np.full(20, 0.55)), {}),
        dph_18=([], None, {0: "no | memory", 1: "no memory"}),
    )
    assert cells["dph-18", "map"].mean is None
    text = as_markdown(asked, "mine", list(cells.values()), make_drops(asked, results, PARAMS))
    assert "| DPH 18-L | failed (0.6659) |" in text
    assert "no \\| memory" in text
    assert "| DRH 18-L | **0.5500** (0.6744) |" in text
    assert "seed 0: no | memory; seed 1: no memory" in as_csv(list(cells.values()))


def test_the_papers_cells_below_our_chance_are_found_from_what_ran():
    asked, results, cells = rows(
        drh_18=([metrics(0.8, 0.75, 0.85, chance=0.67)], queries(np.full(20, 0.8)), {}),
        dph_18=([metrics(0.6, 0.5, 0.7, chance=0.67)], queries(np.full(20, 0.6)), {}),
    )
    assert below_chance(asked, list(cells.values()), results) == ["DPH 18-L, 64 bits: MAP 0.6659 < chance 0.6700"]
    assert FLAG in as_markdown(asked, "mine", list(cells.values()), [])
