"""Our measures against scikit-learn's and against an argsort, where the definitions meet."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from medhash.retrieval.measures.average_precision import average_precision
from medhash.retrieval.measures.gain import ndcg


def tie_free(levels_in_order):
    """One item at each distance."""
    table = np.zeros((1, len(levels_in_order), 4), np.int64)
    table[0, np.arange(len(levels_in_order)), levels_in_order] = 1
    return table


@pytest.fixture(params=range(5))
def levels(request):
    return np.random.default_rng(request.param).integers(0, 4, 90)


def test_average_precision_without_ties_equals_scikit_learn_and_an_argsort(levels):
    distances = np.random.default_rng(1).permutation(len(levels))
    ranked = levels[np.argsort(distances)] > 0
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    by_argsort = precision[ranked].mean()
    result = average_precision(tie_free(levels[np.argsort(distances)]))
    assert by_argsort == pytest.approx(average_precision_score(levels > 0, -distances), abs=1e-12)
    for value in result:
        assert value[0] == pytest.approx(by_argsort, abs=1e-12)


@pytest.mark.parametrize("p", [1, 10, 50, 90])
def test_ndcg_with_ties_equals_scikit_learns_tie_averaged_score_on_exponential_gains(levels, p):
    distances = np.random.default_rng(2).integers(0, 9, len(levels))
    table = np.zeros((1, 9, 4), np.int64)
    np.add.at(table[0], (distances, levels), 1)
    peer = ndcg_score([2.0**levels - 1], [-distances], k=p, ignore_ties=False)
    assert ndcg(table, p).expected[0] == pytest.approx(peer, abs=1e-12)
