"""The relevance histogram against plain loops over all pairs."""

import numpy as np
import pytest

from components.retrieval.hamming import hamming_distances
from components.retrieval.histogram import relevance_histogram, same_patient_pairs

LEVELS = np.array([[1, 0, 1, 0], [0, 2, 1, 0], [1, 1, 3, 0], [0, 0, 0, 0]], np.int16)


def by_loops(queries, gallery, query_sets, gallery_sets, levels, query_patients, gallery_patients):
    table = np.zeros((len(queries), 8 * queries.shape[1] + 1, levels.max() + 1), np.int64)
    for q in range(len(queries)):
        for g in range(len(gallery)):
            if query_patients[q] != gallery_patients[g]:
                distance = sum(int(a ^ b).bit_count() for a, b in zip(queries[q], gallery[g], strict=True))
                table[q, distance, levels[query_sets[q], gallery_sets[g]]] += 1
    return table


@pytest.mark.parametrize("n_bytes", [1, 2, 3, 4, 8, 12, 32])
def test_the_histogram_equals_loops_over_pairs_with_patients_shared_or_repeated(n_bytes):
    random = np.random.default_rng(n_bytes)
    queries, gallery = (random.integers(0, 256, (n, n_bytes), np.uint8) for n in (17, 43))
    gallery[:2] = queries[0], 255 - queries[0]                          # distance 0 and the largest there is
    names = np.array([f"patient {number}" for number in range(12)])
    arguments = (queries, gallery, random.integers(0, 4, 17, np.int32), random.integers(0, 4, 43, np.int32), LEVELS,
                 names[random.integers(0, 8, 17)], names[random.integers(3, 12, 43)])
    assert (relevance_histogram(*arguments) == by_loops(*arguments)).all()


@pytest.mark.parametrize("values", [np.array(["b", "a", "b"]), np.array([5, 3, 5]), np.array(["b", "a", "b"], object)])
def test_same_patient_pairs_are_found_whatever_the_kind_of_id(values):
    queries, items = same_patient_pairs(values[1:], values)
    assert sorted(zip(queries.tolist(), items.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 2)]


def test_queries_whose_whole_gallery_is_their_own_patient_keep_an_empty_histogram():
    codes, sets, patients = np.zeros((3, 2), np.uint8), np.zeros(3, np.int32), np.zeros(3, np.int64)
    assert not relevance_histogram(codes, codes, sets, sets, LEVELS, patients, patients).any()


def test_an_empty_gallery_gives_an_empty_histogram_of_full_shape():
    codes, sets = np.zeros((2, 4), np.uint8), np.zeros(2, np.int32)
    table = relevance_histogram(codes, codes[:0], sets, sets[:0], LEVELS, sets, sets[:0])
    assert table.shape == (2, 33, 4)
    assert not table.any()


def test_codes_of_different_width_are_refused():
    with pytest.raises(ValueError, match="queries have 2 bytes per code, the gallery 4"):
        hamming_distances(np.zeros((1, 2), np.uint8), np.zeros((1, 4), np.uint8))
