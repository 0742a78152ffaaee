"""The table of structured codes: figures by attribute, by sub-code and of unseen combinations, made by hand."""

import csv
import io

import numpy as np
import pytest
from benchmark.test_cells import metrics, queries
from structured_archive import HELD_OUT, structured_workspace

from medhash.benchmark import structured as unseen
from medhash.benchmark.items import ask
from medhash.benchmark.results import Measured
from medhash.benchmark.structured import (
    OWN,
    PREFERRED,
    UNSEEN,
    as_csv,
    as_markdown,
    held_out_cases,
    make_part_cells,
    part_grids,
    unseen_sentences,
)
from medhash.core.contracts import LABELS, read_table
from medhash.core.documents import AttributeFigures, Interval, Satisfaction, StructuredFigures
from medhash.core.params import Params
from medhash.hashing.catalogue import CATALOGUE
from medhash.hashing.method_types import StructuredMethod


def figures(value: float, n: int = 9) -> AttributeFigures:
    return AttributeFigures(
        n_queries=n,
        n_gallery=40,
        map=value,
        chance_map=0.1,
        exchanged_map=0.2,
        ndcg_at_100=value,
        chance_ndcg_at_100=0.1,
        precision_at_10=value,
        interval=Interval(value=value, low=value - 0.05, high=value + 0.05),
    )


def structured(value: float, parts: bool) -> StructuredFigures:
    return StructuredFigures(
        joint=figures(value),
        attributes={"organ": figures(value + 0.1), "pathology": None},
        sub_codes={"organ": {"organ": figures(value + 0.2), "pathology": None}} if parts else {},
        preference={
            "organ": Satisfaction(k=10, n_queries=9, plain=value, preferred=value + 0.05 if parts else None, chance=0.3)
        },
        combinations={"seen": figures(value + 0.01, 7), "held out": figures(value - 0.1, 2)},
        calibration={},
    )


@pytest.fixture
def table():
    asked = ask("structured", ["modhash", "hashnet", "drh-18"], [48], [0, 1])
    made = {"modhash": [0.5, 0.6], "hashnet": [0.4, 0.4]}
    results = [
        Measured(
            row,
            48,
            {
                seed: metrics(0.5, 0.4, 0.6).model_copy(
                    update={"structured": structured(value, row.method == "modhash")}
                )
                for seed, value in enumerate(made[row.method])
            },
            {},
            None,
            {},
        )
        if row.method in made
        else Measured(row, 48, {}, {}, None, {0: "no memory"})
        for row in asked.table.rows
    ]
    return asked, make_part_cells(asked, results)


def test_the_table_sets_every_structured_method_beside_codes_of_one_part_at_equal_bits():
    asked = ask("structured", None, None, [0])
    methods = {row.method for row in asked.table.rows}
    assert {name for name, method in CATALOGUE.items() if isinstance(method, StructuredMethod)} <= methods
    assert {"drh-18", "osdh", "hashnet", "backbone-itq"} <= methods
    assert asked.bits == (48,)


def test_all_methods_are_asked_without_those_that_want_combined_labels():
    methods = {row.method for row in ask("all", None, None, [0]).table.rows}
    assert not any(isinstance(CATALOGUE[name], StructuredMethod) for name in methods)


def test_cells_are_means_over_seeds_with_the_widest_interval_and_dashes_where_a_row_has_no_such_part(table):
    asked, cells = table
    text = "\n".join(as_markdown(part_grids(asked, cells)))
    # means over both seeds; of equally wide intervals the first seed's
    assert "| MODHash | 0.750 ± 0.071 [0.650, 0.750] / 0.200 | – |" in text
    assert "| HashNet | – | – |" in text
    assert "| DRH-18 | – | – | – |" in text
    assert "held out (2)" in text
    own = {cell.row: cell.mean for cell in cells if cell.section == OWN and cell.part == "organ"}
    assert own == {"MODHash": pytest.approx(0.75), "HashNet": None, "DRH-18": None}
    unseen = {cell.row: cell.mean for cell in cells if cell.section == UNSEEN and cell.part == "held out"}
    assert unseen["MODHash"] == pytest.approx(0.45)
    preferred = {(cell.row, cell.part): cell.mean for cell in cells if cell.section == PREFERRED}
    assert preferred["MODHash", "organ preferred"] == pytest.approx(0.6)
    assert preferred["HashNet", "organ preferred"] is None
    assert preferred["HashNet", "organ"] == pytest.approx(0.4)


def test_the_csv_has_a_line_per_cell(table):
    rows = list(csv.DictReader(io.StringIO(as_csv(table[1]))))
    assert len(rows) == len(table[1])
    assert {row["row"] for row in rows} == {"MODHash", "HashNet", "DRH-18"}


def test_rows_on_labels_that_combine_nothing_have_no_parts():
    asked = ask("structured", ["modhash"], [48], [0])
    assert make_part_cells(asked, [Measured(asked.table.rows[0], 48, {0: metrics(0.5, 0.4, 0.6)}, {}, None, {})]) == []


def test_rows_are_compared_on_the_cases_that_nobody_trained_on(tmp_path, monkeypatch):
    workspace = structured_workspace(tmp_path, n_each=4, size_px=16, held_out=HELD_OUT)
    labels = read_table(workspace.labels, LABELS).to_pandas().set_index("bag_id")
    held_out = held_out_cases(workspace)
    assert set(labels.loc[held_out.to_pylist(), "fold"]) == {"val", "test"}
    asked = ask("structured", ["modhash", "indephash"], [48], [0])
    easy = queries(np.linspace(0.2, 0.8, 20))
    harder = queries(np.linspace(0.2, 0.8, 20) - np.where(np.arange(20) < 10, 0.1, 0))
    results = [
        Measured(row, 48, {0: metrics(0.5, 0.4, 0.6)}, {}, table, {})
        for row, table in zip(asked.table.rows, (easy, harder), strict=True)
    ]
    params = Params(methods=["modhash"])
    monkeypatch.setattr(unseen, "held_out_cases", lambda _: easy["bag_id"].combine_chunks()[:10])
    (sentence,) = unseen_sentences(workspace, asked, results, params)
    assert "IndepHash lies -0.100 [-0.100, -0.100] from MODHash" in sentence
    monkeypatch.setattr(unseen, "held_out_cases", lambda _: easy["bag_id"].combine_chunks()[:0])
    assert unseen_sentences(workspace, asked, results, params) == []
