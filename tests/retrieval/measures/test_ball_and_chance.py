"""Hamming balls by hand, and chance against shuffled galleries."""

import numpy as np
import pytest

from medhash.retrieval.measures.average_precision import average_precision, weighted_average_precision
from medhash.retrieval.measures.gain import acg, ndcg
from medhash.retrieval.measures.precision import chance_histogram, hamming_balls


def test_a_ball_holds_what_lies_within_its_radius_and_an_empty_one_has_precision_zero():
    table = np.zeros((3, 5, 3), np.int64)
    table[0] = [[0, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 4, 0]]  # 1 of 1, 1 of 2, 2 of 4, 2 of 4, 6 of 8
    table[1, 3] = [1, 1, 0]  # nothing within 2
    table[2, 1] = [5, 0, 0]  # nothing relevant anywhere
    balls = hamming_balls(table)
    assert balls.precision.tolist() == [[1, 0.5, 0.5, 0.5, 0.75], [0, 0, 0, 0.5, 0.5], [0, 0, 0, 0, 0]]
    assert balls.n_items[:, 2].tolist() == [4, 0, 5]
    assert balls.recall[:2].tolist() == [[1 / 6, 1 / 6, 1 / 3, 1 / 3, 1], [0, 0, 0, 1, 1]]
    assert np.isnan(balls.recall[2]).all()


@pytest.mark.parametrize(
    "measure",
    [average_precision, weighted_average_precision, lambda table: ndcg(table, 20), lambda table: acg(table, 20)],
    ids=["AP", "weighted AP", "NDCG", "ACG"],
)
def test_chance_is_the_mean_over_shuffled_galleries(measure):
    random = np.random.default_rng(0)
    levels, distances = random.choice(3, 120, p=[0.8, 0.15, 0.05]), random.integers(0, 40, 120)
    shuffles = np.zeros((3000, 40, 3), np.int64)
    for table in shuffles:
        np.add.at(table, (distances, random.permutation(levels)), 1)
    values = measure(shuffles).expected
    chance = measure(chance_histogram(shuffles[:1])).expected[0]
    assert abs(values.mean() - chance) < 4 * values.std() / np.sqrt(len(values))
