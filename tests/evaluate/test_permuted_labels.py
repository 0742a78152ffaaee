"""Chance for codes that fall into groups, against every way of dealing out the queries' labels."""

from itertools import permutations

import numpy as np
import pytest

from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.evaluation.permuted_labels import permuted_labels_map
from medhash.retrieval.measures.average_precision import average_precision
from medhash.retrieval.measures.histogram import relevance_histogram


def placed(codes, sets, patients):
    return PlacedCodes(
        np.arange(len(sets)).astype(str),
        np.array(patients),
        np.array(["test"] * len(sets)),
        np.array(sets),
        np.array(codes, np.uint8)[:, None],
    )


def mean_ap(queries, gallery, sets, levels):
    table = relevance_histogram(
        queries.codes, gallery.codes, np.array(sets), gallery.set_ids, levels, queries.patient_ids, gallery.patient_ids
    )
    return average_precision(table).expected.mean()


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_mean_over_every_way_of_dealing_out_the_labels(seed):
    random = np.random.default_rng(seed)
    levels = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 2]])
    queries = placed(random.integers(0, 256, 5), [0, 0, 1, 2, 1], list("abcde"))
    gallery = placed(random.integers(0, 256, 9), [0, 1, 2] * 3, list("aavwxyzpq"))  # the asker's own are left out
    every = [mean_ap(queries, gallery, sets, levels) for sets in permutations(queries.set_ids.tolist())]
    assert permuted_labels_map(queries, gallery, levels) == pytest.approx(np.mean(every), abs=1e-12)


def test_pure_groups_that_are_guessed_score_more_than_a_random_order():
    """Three groups of one class each: right, AP is 1; one group too late, 1 - ln 2; two too late, 1 - 2 ln 3/2."""
    n, levels = 400, np.eye(3, dtype=int)
    codes = np.repeat([0b00000000, 0b00000111, 0b11111111], n)
    gallery = placed(codes, np.repeat([0, 1, 2], n), [f"g{number}" for number in range(3 * n)])
    queries = placed([0, 0, 0, 255, 255, 255], [0, 1, 2] * 2, list("abcdef"))
    expected = (1 + (1 - np.log(2)) + (1 - 2 * np.log(1.5))) / 3
    assert permuted_labels_map(queries, gallery, levels) == pytest.approx(expected, abs=2e-3)
    assert expected == pytest.approx(0.499, abs=1e-3)
    assert permuted_labels_map(
        placed([0] * 6, queries.set_ids, list("abcdef")),
        placed([0] * (3 * n), gallery.set_ids, gallery.patient_ids),
        levels,
    ) == pytest.approx(1 / 3, abs=5e-3)


def test_queries_that_nothing_answers_stand_outside():
    gallery = placed([0, 255], [0, 0], ["x", "y"])
    assert np.isnan(permuted_labels_map(placed([0], [1], ["a"]), gallery, np.eye(2, dtype=int)))
    assert permuted_labels_map(placed([0, 3], [1, 0], ["a", "b"]), gallery, np.eye(2, dtype=int)) == 1.0
