"""Neighbours against a sort of all entries by (distance, bag id)."""

import numpy as np
import pytest

from medhash.core.errors import MedhashError
from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.index import load_index, search, write_index


def placed(codes, patients):
    n = len(codes)
    return PlacedCodes(
        np.array([f"{number:016x}" for number in range(n)]),
        np.asarray(patients),
        np.full(n, "train"),
        np.arange(n, dtype=np.int32) % 5,
        codes,
    )


def by_sorting(gallery, code, k, excluded):
    entries = [
        (int(np.bitwise_count(gallery.codes[row] ^ code).sum()), str(gallery.bag_ids[row]), int(gallery.set_ids[row]))
        for row in range(len(gallery))
        if gallery.patient_ids[row] != excluded
    ]
    return [(bag_id, distance, set_id) for distance, bag_id, set_id in sorted(entries)[:k]]


@pytest.mark.parametrize(
    ("n_bytes", "n_entries", "n_distinct"),
    [(1, 7, 2), (2, 300, 3), (4, 300, 300), (8, 2000, 5), (5, 400, 40), (16, 100, 1)],
)
def test_search_equals_sorting_all_entries_with_ties_and_the_askers_patient_left_out(
    tmp_path, n_bytes, n_entries, n_distinct
):
    random = np.random.default_rng(n_entries)
    pool = random.integers(0, 256, (n_distinct, n_bytes), np.uint8)
    gallery = placed(
        pool[random.integers(0, n_distinct, n_entries)],
        np.array(["anna", "ben", "cleo"])[random.integers(0, 3, n_entries)],
    )
    write_index(tmp_path / "index", gallery, "0" * 64, "1" * 64)
    index = load_index(tmp_path / "index")
    for k in (1, 4, n_entries // 2, n_entries, n_entries + 10):
        for excluded in (None, "ben", "a stranger"):
            code = random.integers(0, 256, n_bytes, np.uint8)
            assert search(index, code, k, excluded) == by_sorting(gallery, code, k, excluded)


def test_faiss_keeps_the_lowest_positions_among_more_ties_than_one_of_its_blocks_holds(tmp_path):
    codes = np.zeros((70_000, 4), np.uint8)
    codes[:50_000, 0] = 1
    write_index(tmp_path / "index", placed(codes, ["anna"] * len(codes)), "0" * 64, "1" * 64)
    found = search(load_index(tmp_path / "index"), np.zeros(4, np.uint8), 20_003)
    positions = [int(neighbour.bag_id, 16) for neighbour in found]
    assert positions == [*range(50_000, 70_000), 0, 1, 2]


def test_others_are_found_even_if_all_nearest_entries_are_the_askers_own(tmp_path):
    codes = np.zeros((60, 2), np.uint8)
    codes[50:] = 255
    write_index(tmp_path / "index", placed(codes, ["anna"] * 50 + ["ben"] * 10), "0" * 64, "1" * 64)
    found = search(load_index(tmp_path / "index"), codes[0], 5, "anna")
    assert [(neighbour.bag_id, neighbour.distance) for neighbour in found] == [(f"{50 + i:016x}", 16) for i in range(5)]


@pytest.mark.parametrize(("n_bytes", "k", "message"), [(4, 3, "code has 32 bits, the index 16"), (2, 0, "k is 0")])
def test_a_code_of_another_width_or_no_neighbours_is_refused(tmp_path, n_bytes, k, message):
    write_index(tmp_path / "index", placed(np.zeros((3, 2), np.uint8), ["a", "b", "c"]), "0" * 64, "1" * 64)
    with pytest.raises(MedhashError, match=message):
        search(load_index(tmp_path / "index"), np.zeros(n_bytes, np.uint8), k)
