"""The relevance histogram against plain loops over all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medhash.retrieval.measures import histogram
from medhash.retrieval.measures.hamming import hamming_distances
from medhash.retrieval.measures.histogram import OwnPatientPairs, RelevanceCounter, relevance_histogram
from medhash.retrieval.measures.threads import available_threads, map_ranges

LEVELS = np.array([[1, 0, 1, 0], [0, 2, 1, 0], [1, 1, 3, 0], [0, 0, 0, 0]], np.int16)


def by_loops(queries, gallery, query_sets, gallery_sets, levels, query_patients, gallery_patients):
    table = np.zeros((len(queries), 8 * queries.shape[1] + 1, levels.max() + 1), np.int64)
    for q in range(len(queries)):
        for g in range(len(gallery)):
            if query_patients[q] != gallery_patients[g]:
                distance = sum(int(a ^ b).bit_count() for a, b in zip(queries[q], gallery[g], strict=True))
                table[q, distance, levels[query_sets[q], gallery_sets[g]]] += 1
    return table


@pytest.fixture(params=["numpy", "kernel"])
def counted_by(request, monkeypatch):
    """Both ways of counting, whatever the size of the problem."""
    monkeypatch.setattr(histogram, "KERNEL_PAIRS", 0 if request.param == "kernel" else np.inf)


@pytest.mark.usefixtures("counted_by")
@pytest.mark.parametrize("n_bytes", [1, 2, 3, 4, 8, 12, 32])
def test_the_histogram_equals_loops_over_pairs_with_patients_shared_or_repeated(n_bytes):
    random = np.random.default_rng(n_bytes)
    queries, gallery = (random.integers(0, 256, (n, n_bytes), np.uint8) for n in (17, 43))
    gallery[:2] = queries[0], 255 - queries[0]  # distance 0 and the largest there is
    names = np.array([f"patient {number}" for number in range(12)])
    arguments = (
        queries,
        gallery,
        random.integers(0, 4, 17, np.int32),
        random.integers(0, 4, 43, np.int32),
        LEVELS,
        names[random.integers(0, 8, 17)],
        names[random.integers(3, 12, 43)],
    )
    assert (relevance_histogram(*arguments) == by_loops(*arguments)).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_the_kernel_the_numpy_counter_and_loops_count_the_same(data):
    n_queries, n_gallery, n_bytes = (data.draw(st.integers(*bounds)) for bounds in ((0, 6), (0, 20), (1, 17)))
    bits = st.integers(0, 255)

    def rows(n, width, values):
        drawn = data.draw(st.lists(st.lists(values, min_size=width, max_size=width), min_size=n, max_size=n))
        return np.array(drawn, int).reshape(n, width)

    queries, gallery = rows(n_queries, n_bytes, bits).astype(np.uint8), rows(n_gallery, n_bytes, bits).astype(np.uint8)
    others = [rows(n, 1, st.integers(0, 3))[:, 0] for n in (n_queries, n_gallery) * 2]
    arguments = (queries, gallery, others[0], others[1], LEVELS, others[2], others[3])
    expected = by_loops(*arguments)
    for pairs in (0, np.inf):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(histogram, "KERNEL_PAIRS", pairs)
            assert (relevance_histogram(*arguments) == expected).all()


@pytest.mark.usefixtures("counted_by")
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_chunks_counted_by_any_number_of_threads_make_up_the_whole(threads, monkeypatch):
    monkeypatch.setattr(histogram, "_CHUNK_CELLS", 500)
    random = np.random.default_rng(0)
    patients = random.integers(0, 30, 260)
    arguments = (
        *(random.integers(0, 256, (n, 8), np.uint8) for n in (60, 200)),
        random.integers(0, 4, 60),
        random.integers(0, 4, 200),
        LEVELS,
        patients[:60],
        patients[60:],
    )
    counter = RelevanceCounter(*arguments)
    assert len(counter.chunks()) == 60
    parts = map_ranges(counter.count, counter.chunks(), threads)
    assert (np.concatenate(parts) == by_loops(*arguments)).all()


def test_threads_are_those_of_the_setting_that_torch_and_faiss_follow(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert available_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert available_threads() >= 1


@pytest.mark.parametrize("values", [np.array(["b", "a", "b"]), np.array([5, 3, 5]), np.array(["b", "a", "b"], object)])
def test_same_patient_pairs_are_found_whatever_the_kind_of_id(values):
    pairs = OwnPatientPairs(values[1:], values)
    queries, items = (np.concatenate(parts) for parts in zip(*pairs.blocks(0, 2), strict=True))
    assert sorted(zip(queries.tolist(), items.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 2)]
    assert pairs.items_of(1).tolist() == [0, 2]


def test_many_pairs_of_one_patient_come_in_blocks_that_hold_each_pair_once(monkeypatch):
    monkeypatch.setattr("medhash.retrieval.measures.histogram._BLOCK_PAIRS", 50)
    pairs = OwnPatientPairs(np.array([7] * 9 + [8] + [7] * 5), np.array([7] * 20 + [9] * 3))
    blocks = list(pairs.blocks(2, 15))
    assert max(len(queries) for queries, _ in blocks) <= 70
    found = [pair for queries, items in blocks for pair in zip(queries.tolist(), items.tolist(), strict=True)]
    assert sorted(found) == [(query, item) for query in range(2, 15) if query != 9 for item in range(20)]


@pytest.mark.usefixtures("counted_by")
def test_queries_whose_whole_gallery_is_their_own_patient_keep_an_empty_histogram():
    codes, sets, patients = np.zeros((3, 2), np.uint8), np.zeros(3, np.int32), np.zeros(3, np.int64)
    assert not relevance_histogram(codes, codes, sets, sets, LEVELS, patients, patients).any()


@pytest.mark.usefixtures("counted_by")
def test_an_empty_gallery_gives_an_empty_histogram_of_full_shape():
    codes, sets = np.zeros((2, 4), np.uint8), np.zeros(2, np.int32)
    table = relevance_histogram(codes, codes[:0], sets, sets[:0], LEVELS, sets, sets[:0])
    assert table.shape == (2, 33, 4)
    assert not table.any()


def test_codes_of_different_width_are_refused():
    with pytest.raises(ValueError, match="queries have 2 bytes per code, the gallery 4"):
        hamming_distances(np.zeros((1, 2), np.uint8), np.zeros((1, 4), np.uint8))
