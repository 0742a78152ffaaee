"""The printed figures: known cells, what the papers set in bold, and that every row has its method."""

import pytest

from medhash.benchmark.papers import DRH1, DRH2, MAP, NDCG, OSDH1, OSDH2, P_H2, PAPER_TABLES, T_SNE_METHODS
from medhash.hashing.catalogue import CATALOGUE


def printed(table, name, bits, figure):
    return next(row for row in table.rows if row.name == name).printed[bits, figure]


@pytest.mark.parametrize(
    ("table", "name", "bits", "figure", "value"),
    [
        (DRH1, "CBE", 16, MAP, 0.1321),
        (DRH1, "V-KSH", 48, MAP, 0.5362),
        (DRH1, "DRH-34", 64, MAP, 0.7672),
        (DRH2, "DRH-NB 18-L", 64, P_H2, 0.9581),
        (DRH2, "DPH 34-L", 64, MAP, 0.6438),
        (DRH2, "DRH-NQ 34-L", 64, P_H2, 0.8932),
        (OSDH1, "SSH", 48, NDCG, 0.1472),
        (OSDH1, "OSDH", 64, NDCG, 0.2422),
        (OSDH2, "OSDH-C", 32, "weighted_map", 0.3313),
        (OSDH2, "OSDH-R", 32, "acg_at_100", 0.3937),
    ],
)
def test_known_cells_are_as_printed(table, name, bits, figure, value):
    assert printed(table, name, bits, figure) == pytest.approx(value, abs=1e-9)


def test_the_bold_cells_are_the_greatest_of_their_rows():
    for name, bold in (("ITQ", 64), ("MHF", 64), ("V-KSH", 48), ("DPH-18", 64), ("DRH-34", 64)):
        row = next(row for row in DRH1.rows if row.name == name).printed
        assert max(row, key=row.__getitem__) == (bold, MAP)


def test_the_papers_own_method_is_the_best_of_each_table():
    for table, own in ((DRH1, "DRH-34"), (OSDH1, "OSDH"), (OSDH2, "OSDH")):
        for cell in table.rows[0].printed:
            assert max(table.rows, key=lambda row: row.printed[cell]).name == own


def test_what_both_tables_of_a_paper_print_agrees():
    for depth in (18, 34):
        for name in ("DRH", "DPH"):
            assert printed(DRH1, f"{name}-{depth}", 64, MAP) == printed(DRH2, f"{name} {depth}-L", 64, MAP)
    assert printed(OSDH1, "OSDH", 32, NDCG) == printed(OSDH2, "OSDH", 32, NDCG)


def test_the_drops_that_the_paper_states_follow_from_its_table():
    """1.8 % and 0.7 % MAP from continuous to binary codes (its §5)."""
    assert printed(DRH2, "DRH-NB 18-L", 64, MAP) - printed(DRH2, "DRH 18-L", 64, MAP) == pytest.approx(0.018, abs=5e-4)
    assert printed(DRH2, "DRH-NB 34-L", 64, MAP) - printed(DRH2, "DRH 34-L", 64, MAP) == pytest.approx(0.007, abs=5e-4)


@pytest.mark.parametrize("table", PAPER_TABLES.values(), ids=PAPER_TABLES)
def test_tables_are_full_and_every_row_is_a_method_of_the_catalogue(table):
    assert len({row.name for row in table.rows}) == len(table.rows)
    for row in table.rows:
        assert row.method in CATALOGUE
        assert set(row.printed) == {(bits, figure) for bits in table.bits for figure in table.figures}
        assert all(0 < value < 1 for value in row.printed.values())
    assert set(T_SNE_METHODS) <= set(CATALOGUE)
