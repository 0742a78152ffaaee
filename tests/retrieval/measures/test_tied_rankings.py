"""Measures of rankings with ties against their definitions over every order of the ties: mean, least, greatest."""

import math
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medhash.retrieval.measures.average_precision import average_precision, weighted_average_precision
from medhash.retrieval.measures.gain import acg, ndcg

RANKINGS = {
    "all tied": [[0, 1, 0, 2, 0, 3]],
    "no ties": [[1], [0], [2], [0], [0], [3]],
    "relevant items in two groups": [[0, 1, 2], [0, 0], [1, 0, 3, 0]],
    "an empty distance between groups": [[2, 0], [], [1, 1, 0]],
    "one relevant item, last": [[0, 0, 0], [0, 0, 1]],
    "everything relevant": [[1, 3], [2, 2, 1]],
    "a group of one": [[0], [2], [0, 1, 1, 0, 2]],
}
"""Name → levels of the items at distance 0, 1, 2 …"""


def tie_orders(groups):
    for orders in product(*(set(permutations(group)) for group in groups)):
        yield [level for group in orders for level in group]


def ap_by_definition(levels):
    hits = [place for place, level in enumerate(levels, 1) if level]
    return sum(number / place for number, place in enumerate(hits, 1)) / len(hits)


def weighted_ap_by_definition(levels):
    terms = [sum(levels[:place]) / place for place, level in enumerate(levels, 1) if level]
    return sum(terms) / len(terms)


def acg_by_definition(levels, p):
    return sum(levels[:p]) / len(levels[:p])


def ndcg_by_definition(levels, p):
    def dcg(order):
        return sum((2**level - 1) / math.log(1 + place) for place, level in enumerate(order[:p], 1))

    return dcg(levels) / dcg(sorted(levels, reverse=True))


MEASURES = {
    "AP": (average_precision, ap_by_definition),
    "weighted AP": (weighted_average_precision, weighted_ap_by_definition),
    **{
        f"ACG@{p}": (lambda table, p=p: acg(table, p), lambda levels, p=p: acg_by_definition(levels, p))
        for p in (1, 3, 4, 100)
    },
    **{
        f"NDCG@{p}": (lambda table, p=p: ndcg(table, p), lambda levels, p=p: ndcg_by_definition(levels, p))
        for p in (1, 3, 4, 100)
    },
}


def as_histogram(groups, n_levels=4):
    table = np.zeros((1, len(groups), n_levels), np.int64)
    for distance, group in enumerate(groups):
        for level in group:
            table[0, distance, level] += 1
    return table


def assert_mean_least_and_greatest(measure, groups):
    closed_form, definition = measure
    # `set` in tie_orders keeps one of equal orders; all of them occur equally often, so the mean is the same.
    values = [definition(order) for order in tie_orders(groups)]
    result = closed_form(as_histogram(groups))
    assert result.expected[0] == pytest.approx(np.mean(values), abs=1e-12)
    assert result.worst[0] == pytest.approx(min(values), abs=1e-12)
    assert result.best[0] == pytest.approx(max(values), abs=1e-12)


@pytest.mark.parametrize("groups", RANKINGS.values(), ids=RANKINGS)
@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_a_measure_is_the_mean_least_and_greatest_of_its_definition_over_every_order_of_the_ties(measure, groups):
    assert_mean_least_and_greatest(measure, groups)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 3), max_size=4), min_size=1, max_size=4), st.sampled_from(list(MEASURES)))
def test_so_it_is_for_any_small_ranking(groups, name):
    if any(level for group in groups for level in group):
        assert_mean_least_and_greatest(MEASURES[name], groups)


@pytest.mark.parametrize("seed", range(3))
def test_large_groups_agree_with_random_tie_orders(seed):
    random = np.random.default_rng(seed)
    groups = [random.choice(4, size, p=[0.7, 0.15, 0.1, 0.05]).tolist() for size in (0, 40, 3, 150, 1, 60)]
    orders = [[level for group in groups for level in random.permutation(group).tolist()] for _ in range(400)]
    for name, (closed_form, definition) in MEASURES.items():
        values = np.array([definition(order) for order in orders])
        error = 4.5 * values.std() / math.sqrt(len(values)) + 1e-12
        result = closed_form(as_histogram(groups))
        assert abs(result.expected[0] - values.mean()) < error, name
        assert result.worst[0] <= values.min() + 1e-12, name
        assert result.best[0] >= values.max() - 1e-12, name


def test_a_query_without_a_relevant_item_has_no_figure_except_an_acg_of_zero():
    table = as_histogram([[0, 0], [0]])
    assert np.isnan(average_precision(table)).all()
    assert np.isnan(weighted_average_precision(table)).all()
    assert np.isnan(ndcg(table, 2)).all()
    assert np.array(acg(table, 2)).tolist() == [[0.0], [0.0], [0.0]]


def test_queries_of_one_histogram_are_measured_independently_of_each_other():
    tables = [as_histogram(groups + [[]] * (4 - len(groups))) for name, groups in RANKINGS.items() if len(groups) <= 4]
    together = np.concatenate(tables)
    for closed_form, _ in MEASURES.values():
        assert np.array(closed_form(together)).T.tolist() == [
            np.array(closed_form(table))[:, 0].tolist() for table in tables
        ]
