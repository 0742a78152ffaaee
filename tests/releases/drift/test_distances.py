"""Distances to the nearest gallery code of another patient, against brute force."""

from pathlib import Path

import numpy as np
import pytest

from medhash.releases.drift.spreads import among, nearest_distances
from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.index import Index, load_index, write_index


def index_of(folder: Path, codes: np.ndarray, patients: list[str]) -> Index:
    n = len(codes)
    placed = PlacedCodes(
        np.array([f"{row:016x}" for row in range(n)]),
        np.array(patients),
        np.array(["train"] * n),
        np.zeros(n, np.int32),
        codes,
    )
    write_index(folder, placed, "0" * 64, "0" * 64)
    return load_index(folder)


def test_the_own_patient_s_images_are_no_neighbours(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    gallery, queries = (random.integers(0, 256, (n, 4), dtype=np.uint8) for n in (60, 40))
    queries[:10] = gallery[:10]  # follow-ups that look the same
    patients = [f"p{row % 20}" for row in range(60)]
    asking = [f"p{row}" for row in range(40)]  # p20 … p39 are strangers
    by_hand = [
        min(
            int(np.unpackbits(query ^ code).sum())
            for code, patient in zip(gallery, patients, strict=True)
            if patient != asker
        )
        for query, asker in zip(queries, asking, strict=True)
    ]
    found = nearest_distances(index_of(tmp_path / "index", gallery, patients), queries, np.array(asking))
    assert found.tolist() == by_hand
    assert min(by_hand[:10]) > 0


def test_in_a_gallery_of_one_patient_that_patient_has_no_distance(tmp_path: Path) -> None:
    index = index_of(tmp_path / "index", np.zeros((3, 4), np.uint8), ["p1"] * 3)
    found = nearest_distances(index, np.zeros((2, 4), np.uint8), np.array(["p1", "p2"]))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(0)


def test_what_joined_the_gallery_later_is_no_neighbour(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    gallery = random.integers(0, 256, (30, 4), dtype=np.uint8)
    patients = [f"p{row % 9}" for row in range(30)]
    whole = index_of(tmp_path / "index", gallery, patients)
    first = among(whole, {f"{row:016x}" for row in range(20)})
    asking = np.array(["p3", "p25", "p8"])
    expected = nearest_distances(index_of(tmp_path / "first", gallery[:20], patients[:20]), gallery[20:23], asking)
    assert nearest_distances(first, gallery[20:23], asking).tolist() == expected.tolist()
    assert nearest_distances(whole, gallery[20:23], asking).tolist() != expected.tolist()
    assert among(whole, {f"{row:016x}" for row in range(30)}) is whole
