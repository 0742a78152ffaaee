"""Precision of the k nearest: over every order of the ties, against scikit-learn, and where the gallery is short."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieval.measures.test_tied_rankings import RANKINGS, as_histogram, tie_orders
from sklearn.metrics import dcg_score

from medhash.retrieval.measures.precision import chance_histogram, precision_at_k


def by_definition(levels, k):
    shown = levels[:k]
    return sum(level > 0 for level in shown) / len(shown)


def assert_mean_over_all_orders(groups):
    orders = list(tie_orders(groups))  # one of equal orders, which all occur equally often
    for k in (1, 2, 3, 5, 10):
        expected = np.mean([by_definition(order, k) for order in orders])
        assert precision_at_k(as_histogram(groups), k)[0] == pytest.approx(expected, abs=1e-12), k


@pytest.mark.parametrize("groups", RANKINGS.values(), ids=RANKINGS)
def test_it_is_the_mean_of_its_definition_over_every_order_of_the_ties(groups):
    assert_mean_over_all_orders(groups)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 3), max_size=4), min_size=1, max_size=4))
def test_so_it_is_for_any_small_ranking(groups):
    if any(groups):
        assert_mean_over_all_orders(groups)


@pytest.mark.parametrize("k", [1, 5, 10, 90])
def test_it_follows_from_scikit_learns_tie_averaged_gains(k):
    """DCG@j - DCG@(j - 1) is the expected gain at place j times its discount, 1 / log2(1 + j)."""
    random = np.random.default_rng(k)
    levels, distances = random.integers(0, 3, 90), random.integers(0, 9, 90)
    table = np.zeros((1, 9, 3), np.int64)
    np.add.at(table[0], (distances, levels), 1)
    gains = np.diff([0.0, *(dcg_score([levels > 0], [-distances], k=place) for place in range(1, k + 1))])
    at_each_place = gains * np.log2(1 + np.arange(1, k + 1))
    assert precision_at_k(table, k)[0] == pytest.approx(at_each_place.mean(), abs=1e-9)


def test_a_gallery_shorter_than_k_is_shown_whole_and_divided_by_its_own_length():
    two_of_three = as_histogram([[1], [0, 2]])
    assert precision_at_k(two_of_three, 10).tolist() == [pytest.approx(2 / 3)]
    assert precision_at_k(two_of_three, 3).tolist() == precision_at_k(two_of_three, 4).tolist()
    assert precision_at_k(as_histogram([[], []]), 5).tolist() == [0.0]


def test_without_a_relevant_item_it_is_zero_and_in_random_order_the_share_that_is_relevant():
    assert precision_at_k(as_histogram([[0, 0], [0]]), 2).tolist() == [0.0]
    random_order = chance_histogram(as_histogram([[0, 0], [3], [0, 1, 0]]))
    for k in (1, 5, 10):
        assert precision_at_k(random_order, k)[0] == pytest.approx(2 / 6, abs=1e-12)


def test_queries_of_one_histogram_are_measured_independently_of_each_other():
    tables = [as_histogram(groups + [[]] * (4 - len(groups))) for groups in RANKINGS.values() if len(groups) <= 4]
    for k in (1, 5, 10):
        assert precision_at_k(np.concatenate(tables), k).tolist() == [precision_at_k(table, k)[0] for table in tables]
