"""Rankings by Euclidean distance: the Hamming ranking on binary codes, exact ties, and definitions on relaxed ones."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import average_precision_score, ndcg_score

from medhash.retrieval.measures.average_precision import average_precision, weighted_average_precision
from medhash.retrieval.measures.euclidean import EuclideanCounter
from medhash.retrieval.measures.gain import acg, ndcg
from medhash.retrieval.measures.histogram import relevance_histogram
from medhash.retrieval.measures.precision import hamming_balls

LEVELS = np.array([[1, 0, 1, 0], [0, 2, 1, 0], [1, 1, 3, 0], [0, 0, 0, 0]], np.int16)


def relations(n_queries, n_gallery, seed):
    random = np.random.default_rng(seed)
    return (
        random.integers(0, 4, n_queries),
        random.integers(0, 4, n_gallery),
        LEVELS,
        random.integers(0, 6, n_queries),
        random.integers(3, 12, n_gallery),
    )


def test_codes_of_minus_one_and_one_rank_as_their_bits_do():
    random = np.random.default_rng(0)
    signs = [random.integers(0, 2, (n, 16)) for n in (20, 90)]
    given = relations(20, 90, 1)
    tables = relevance_histogram(*(np.packbits(bits, axis=1) for bits in signs), *given)
    counter = EuclideanCounter(*(2 * bits.astype(np.float32) - 1 for bits in signs), *given)
    for query, table in enumerate(tables):
        by_distance, by_radius = counter.count(query)
        assert (by_radius[0] == table).all()
        assert (by_distance[0] == table[table.any(axis=1)]).all()


@pytest.mark.parametrize("seed", range(4))
def test_measures_without_ties_equal_scikit_learns_on_scipys_distances(seed):
    random = np.random.default_rng(seed)
    queries, gallery = (np.tanh(random.normal(0, 1, (n, 24))).astype(np.float32) for n in (12, 300))
    given = relations(12, 300, seed + 10)
    counter = EuclideanCounter(queries, gallery, *given)
    squared = cdist(queries.astype(np.float64), gallery.astype(np.float64), "sqeuclidean")
    for query in range(12):
        by_distance, by_radius = counter.count(query)
        kept = given[4] != given[3][query]
        level, distance = LEVELS[given[0][query]][given[1]][kept], squared[query][kept]
        assert by_distance.shape[1] == kept.sum()
        balls = hamming_balls(by_radius)
        for radius in (2, 5, 8, 24):
            assert balls.n_items[0, radius] == (distance <= 4 * radius).sum()
        ranked = level[np.argsort(distance)]
        assert acg(by_distance, 100).expected[0] == pytest.approx(ranked[:100].mean(), abs=1e-12)
        if not level.any():
            continue
        peer = average_precision_score(level > 0, -distance)
        assert np.array(average_precision(by_distance)).ravel() == pytest.approx(peer, abs=1e-12)
        assert np.array(ndcg(by_distance, 100)).ravel() == pytest.approx(
            ndcg_score([2.0**level - 1], [-distance], k=100), abs=1e-12
        )
        weighted = (np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked > 0].mean()
        assert np.array(weighted_average_precision(by_distance)).ravel() == pytest.approx(weighted, abs=1e-12)


def test_equal_codes_are_tied_wherever_they_stand():
    random = np.random.default_rng(0)
    code, other = np.tanh(random.normal(size=(2, 33))).astype(np.float32)
    gallery = np.tile(code, (1001, 1))
    counter = EuclideanCounter(
        other[None], gallery, np.zeros(1, int), np.zeros(1001, int), LEVELS, np.zeros(1), np.ones(1001)
    )
    assert counter.count(0)[0].tolist() == [[[0, 1001, 0, 0]]]


def test_a_gallery_of_the_querys_own_patient_has_empty_buckets_and_no_figures():
    codes, sets, patients = np.zeros((3, 8), np.float32), np.zeros(3, int), np.zeros(3)
    by_distance, by_radius = EuclideanCounter(codes, codes, sets, sets, LEVELS, patients, patients).count(1)
    assert by_distance.shape == (1, 0, 4)
    assert not by_radius.any()
    assert np.isnan(average_precision(by_distance)).all()
    assert np.isnan(ndcg(by_distance, 100)).all()
    assert np.array(acg(by_distance, 100)).ravel().tolist() == [0, 0, 0]


def test_codes_of_different_width_are_refused():
    one, sets = np.zeros((1, 8), np.float32), np.zeros(1, int)
    with pytest.raises(ValueError, match="8 components per code, the gallery 4"):
        EuclideanCounter(one, one[:, :4], sets, sets, LEVELS, sets, sets)
