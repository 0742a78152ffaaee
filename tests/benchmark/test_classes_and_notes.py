"""MAP class by class, and the sentences on what the test patients can show: from figures made by hand."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from benchmark.test_cells import PARAMS, metrics, queries
from report.measured import gallery_figures

from medhash.benchmark.cells import make_cells
from medhash.benchmark.classes import as_csv, class_grids, make_class_cells
from medhash.benchmark.items import ask
from medhash.benchmark.notes import uncertainty_notes
from medhash.benchmark.page import render_page
from medhash.benchmark.papers import TITLES
from medhash.benchmark.results import Measured
from medhash.benchmark.text import as_markdown
from medhash.core.documents import Interval, SliceFigures

FIGURES = ("map", "precision_at_1", "precision_at_5", "precision_at_10")


def of_class(value, low, high, n=8, patients=4):
    interval = None if low is None else Interval(value=value, low=low, high=high)
    return SliceFigures(
        n_queries=n + 1,
        n_answerable=n,
        n_patients=patients,
        map=value,
        chance_map=0.4,
        ndcg_at_100=value,
        precision_at_10=value,
        interval=interval,
    )


def measured(value, low, high, **classes):
    one = metrics(value, low, high)
    return one.model_copy(
        update={
            "slices": {"label": classes},
            "intervals": dict.fromkeys(FIGURES, Interval(value=value, low=low, high=high)),
        }
    )


def table(by_method, seeds=(0, 1)):
    """dmih at 16 bits: method → (metrics of its seeds, AP of its 20 queries), or None where it failed."""
    asked = ask("dmih", list(by_method), [16], list(seeds))
    results = [
        Measured(row, 16, dict(enumerate(found[0])), {}, queries(found[1]), {})
        if found
        else Measured(row, 16, {}, {}, None, {0: "no memory"})
        for row in asked.table.rows
        for found in [by_method[row.method]]
    ]
    return asked, results


@pytest.fixture
def lsh_and_itq():
    easy = np.linspace(0.2, 0.9, 20)
    return table(
        {
            "lsh": (
                [
                    measured(0.5, 0.3, 0.8, malignant=of_class(0.3, 0.1, 0.7), benign=of_class(0.7, 0.6, 0.8)),
                    measured(0.6, 0.4, 0.7, malignant=of_class(0.5, 0.4, 0.6), benign=of_class(0.9, 0.7, 1.0)),
                ],
                easy,
            ),
            "itq": (
                [
                    measured(0.4, 0.2, 0.6, malignant=of_class(one, None, None), benign=of_class(0.6, 0.5, 0.7))
                    for one in (0.2, 0.4)
                ],
                easy - 0.1,
            ),
            "cbe": None,
        }
    )


def test_the_table_has_the_rows_of_the_work_and_its_nearest_neighbour_figures():
    asked = ask("dmih", None, None, [0])
    assert asked.table.figures == FIGURES
    assert [TITLES[figure] for figure in FIGURES] == ["MAP", "P@1", "P@5", "P@10"]
    methods = [row.method for row in asked.table.rows]
    assert methods[:6] == [f"dmih-{name}" for name in ("max", "mean", "noisy-or", "attention", "si", "nr")]
    assert {"lsh", "itq", "mhf", "drh-18"} <= set(methods[6:])
    assert [row.name for row in ask("dmih", ["ksh", "lsh"], None, [0]).table.rows] == ["LSH, vote", "ksh"]


def test_each_class_has_the_mean_over_seeds_the_widest_interval_and_its_own_chance(lsh_and_itq):
    cells = {(cell.method, cell.label): cell for cell in make_class_cells(*lsh_and_itq)}
    malignant = cells["lsh", "malignant"]
    assert malignant.mean == pytest.approx(0.4)
    assert malignant.std == pytest.approx(np.std([0.3, 0.5], ddof=1))
    assert (malignant.low, malignant.high, malignant.chance) == (0.1, 0.7, 0.4)
    assert (malignant.n_answerable, malignant.n_patients) == (8, 4)
    assert (cells["itq", "malignant"].mean, cells["itq", "malignant"].low) == (pytest.approx(0.3), None)
    assert cells["cbe", "malignant"].mean is None


def test_other_tables_show_no_classes():
    asked = ask("drh1", ["lsh"], [16], [0])
    result = Measured(asked.table.rows[0], 16, {0: measured(0.5, 0.3, 0.8, a=of_class(0.3, 0.1, 0.7))}, {}, None, {})
    assert make_class_cells(asked, [result]) == []


def test_the_grid_the_page_and_the_csv_hold_the_classes(lsh_and_itq):
    asked, results = lsh_and_itq
    cells, classes = make_cells(asked, results, PARAMS), make_class_cells(asked, results)
    sentences = uncertainty_notes(asked, results, cells)
    text = as_markdown(asked, "mine", cells, [], classes, sentences)
    assert "| row | malignant (8 cases of 4 patients) | benign (8 cases of 4 patients) |" in text
    assert "| LSH, vote | 0.400 ± 0.141 [0.100 – 0.700] | 0.800 ± 0.141 [0.700 – 1.000] |" in text
    assert "| CBE, vote | – | – |" in text
    assert "| chance | 0.4000 | 0.4000 |" in text
    assert "what the paper prints" not in text
    page = render_page(
        asked,
        "mine",
        cells,
        [],
        [],
        {
            "conditions": [],
            "below_chance": [],
            "deviations": [],
            "parts": [],
            "part_text": str,
            "classes": class_grids(asked, classes),
            "uncertainty_notes": sentences,
        },
    )
    assert "MAP class by class, 16 bits" in page
    assert "0.400 ± 0.141 [0.100 – 0.700]" in page
    assert "10 patients" in page
    lines = list(csv.DictReader(io.StringIO(as_csv(classes))))
    assert (lines[0]["method"], lines[0]["label"], lines[0]["mean"], lines[0]["n_patients"]) == (
        "lsh",
        "malignant",
        "0.400000",
        "4",
    )
    assert lines[-1]["mean"] == ""


def test_what_the_patients_can_show_is_computed_from_what_ran(lsh_and_itq):
    asked, results = lsh_and_itq
    first, widest, above, apart, too_narrow = uncertainty_notes(asked, results, make_cells(asked, results, PARAMS))
    assert first == (
        "20 queries of 10 patients are answerable by the gallery's 1,000 cases. One patient contributes 10.0% of a "
        "figure on average."
    )
    assert "that of LSH, vote at 16 bits: 0.300 – 0.800, 0.500 wide. It does not hold chance, 0.250" in widest
    assert above == "1 of 2 figures of MAP lies above chance with the interval of every seed: LSH, vote."
    assert apart.startswith("1 of 1 difference to the best row of the same bits has an interval without 0; about 0.1")
    assert "The median half-width of these intervals is 0.000." in apart  # every query is worse by 0.1
    assert f"too narrow by at least {1 - np.sqrt(0.9):.1%}" in too_narrow
    assert too_narrow.endswith("The ± over seeds does.")


def test_a_row_is_held_to_what_its_own_rankings_score_with_exchanged_labels(lsh_and_itq):
    asked, results = lsh_and_itq
    exchanged = {"LSH, vote": (0.27, 0.31), "ITQ, vote": (0.33, 0.37)}
    results = [
        replace(
            result,
            seeds={
                seed: one.model_copy(update={"seen": gallery_figures(20, 400, 0.5, value)})
                for (seed, one), value in zip(result.seeds.items(), exchanged.get(result.row.name, ()), strict=True)
            },
        )
        for result in results
    ]
    grouped = uncertainty_notes(asked, results, make_cells(asked, results, PARAMS))[3]
    assert "score MAP 0.290 (LSH, vote) to 0.350 (ITQ, vote)" in grouped
    assert grouped.endswith("above the permuted-label baseline for 1 of 2: LSH, vote.")


def test_one_patient_and_one_seed_are_said_as_one():
    alone = queries(np.full(20, 0.5)).set_column(1, "patient_id", [["p"] * 20])
    asked = ask("dmih", ["lsh"], [16], [0])
    result = Measured(asked.table.rows[0], 16, {0: measured(0.5, 0.5, 0.5)}, {}, alone, {})
    sentences = uncertainty_notes(asked, [result], make_cells(asked, [result], PARAMS))
    assert sentences[0].startswith("20 queries of 1 patient are")
    assert not any("too narrow" in sentence or "difference" in sentence for sentence in sentences)
    assert "after 1 patient without an exception, up to 95% may be" in sentences[-1]


def test_bits_are_named_where_there_are_several_and_an_interval_without_width_is_no_certainty():
    """Ten patients without an exception: 0.741 ** 10 is 0.05."""
    asked = ask("dmih", ["lsh"], [16, 32], [0])
    results = [
        Measured(asked.table.rows[0], bits, {0: measured(1.0, low, 1.0)}, {}, queries(np.full(20, 1.0)), {})
        for bits, low in ((16, 1.0), (32, 0.9))
    ]
    sentences = uncertainty_notes(asked, results, make_cells(asked, results, PARAMS))
    assert "lie above chance with the interval of every seed: LSH, vote (16 bits); LSH, vote (32 bits)." in sentences[2]
    assert "score the same (LSH, vote (16 bits))" in sentences[3]
    assert "after 10 patients without an exception, up to 26% may be" in sentences[3]


def test_a_list_as_long_as_the_gallery_is_said_to_say_nothing():
    asked = ask("dmih", ["lsh"], [16], [0])
    few = measured(0.5, 0.3, 0.7).model_copy(update={"n_gallery": 9})
    result = Measured(asked.table.rows[0], 16, {0: few}, {}, queries(np.full(20, 0.5)), {})
    sentences = uncertainty_notes(asked, [result], make_cells(asked, [result], PARAMS))
    assert [
        sentence.split()[0] for sentence in sentences if "differ from chance in a gallery of 9 cases" in sentence
    ] == ["P@10"]


def test_where_every_row_failed_nothing_is_said():
    asked, results = table({"lsh": None})
    assert uncertainty_notes(asked, results, make_cells(asked, results, PARAMS)) == []
    assert all(cell.mean is None for cell in make_class_cells(asked, results))
