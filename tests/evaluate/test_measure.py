"""Measuring codes of a small data set: against loops and sorts, by hand, and what it refuses."""

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest
from builders import LABELS_OF_SETS
from evaluate.small import N_IMAGES, measured_tables
from sklearn.metrics import average_precision_score, ndcg_score

from medhash.core.contracts import QUERIES
from medhash.core.errors import MedhashError
from medhash.core.params import EvaluateParams
from medhash.retrieval.evaluation.measure import measure, measure_relaxed
from medhash.retrieval.evaluation.ranked import FIGURE_COLUMNS

SETTINGS = EvaluateParams(bootstrap_samples=50)


def perfect_codes():
    """Eight bits per label, all ones where the image carries it: what shares a label is nearer than what does not."""
    rows = [[255 if label in LABELS_OF_SETS[image % 4] else 0 for label in range(3)] for image in range(N_IMAGES)]
    return np.array(rows, np.uint8)


def test_each_query_is_measured_as_loops_over_the_gallery_would(random_codes, replaced):
    table, given = random_codes
    patients = given.labels["patient_id"].to_pylist()
    patients[-1] = patients[0]  # the last test image belongs to a patient of the gallery
    given = replace(given, labels=replaced(given.labels, "patient_id", patients))
    queries = measure(table, given, SETTINGS, seed=0).queries.to_pylist()

    codes = [value[0] for value in table["code"].to_pylist()]
    folds, sets = given.labels["fold"].to_pylist(), given.labels["set_id"].to_pylist()
    rows = [row for row in range(N_IMAGES) if folds[row] == "test"]
    assert [query["bag_id"] for query in queries] == [table["bag_id"][row].as_py() for row in rows]
    for row, query in zip(rows, queries, strict=True):
        gallery = [item for item in range(N_IMAGES) if folds[item] != "test" and patients[item] != patients[row]]
        distance = np.array([(codes[row] ^ codes[item]).bit_count() for item in gallery])
        level = np.array([len(set(LABELS_OF_SETS[sets[row]]) & set(LABELS_OF_SETS[sets[item]])) for item in gallery])
        assert query["n_relevant"] == (level > 0).sum()
        assert query["n_within_h2"] == (distance <= 2).sum()
        assert query["precision_h2"] == pytest.approx((level[distance <= 2] > 0).mean())
        for name, order in (("ap_worst", np.lexsort((level, distance))), ("ap_best", np.lexsort((-level, distance)))):
            places, end = -np.arange(len(order)), name.removeprefix("ap")
            expected = average_precision_score(level[order] > 0, places)
            assert query[name] == pytest.approx(expected, abs=1e-12)
            expected = ndcg_score([2.0 ** level[order] - 1], [places], k=100)
            assert query["ndcg_at_100" + end] == pytest.approx(expected, abs=1e-12)
            assert query["acg_at_100" + end] == pytest.approx(level[order][:100].mean(), abs=1e-12)
            running = np.cumsum(level[order]) / (1 - places)
            assert query["weighted_ap" + end] == pytest.approx(running[level[order] > 0].mean(), abs=1e-12)
        by_distance = np.argsort(distance, kind="stable")
        for k in (1, 5, 10):
            farthest = distance[by_distance[k - 1]]
            sure, tied = level[distance < farthest] > 0, level[distance == farthest] > 0
            expected = (sure.sum() + (k - len(sure)) * tied.mean()) / k
            assert query[f"precision_at_{k}"] == pytest.approx(expected, abs=1e-12)
        assert query["ap_worst"] < query["ap_expected"] < query["ap_best"]
        assert query["ndcg_at_100"] == pytest.approx(ndcg_score([2.0**level - 1], [-distance], k=100), abs=1e-12)


def test_the_figures_are_means_over_the_queries_and_lie_within_their_intervals(random_codes):
    metrics, queries = measure(*random_codes, SETTINGS, seed=0)
    for figure, column in FIGURE_COLUMNS.items():
        assert getattr(metrics.figures, figure) == pytest.approx(pc.mean(queries[column]).as_py(), abs=1e-12)
    assert set(metrics.intervals) == {
        "map",
        "ndcg_at_100",
        "acg_at_100",
        "weighted_map",
        "precision_at_1",
        "precision_at_5",
        "precision_at_10",
        "precision_h2",
    }
    for name, interval in metrics.intervals.items():
        assert interval.low < interval.value == getattr(metrics.figures, name) < interval.high
    assert metrics.curve[2].precision == pytest.approx(metrics.figures.precision_h2, abs=1e-12)
    assert [point.radius for point in metrics.curve] == list(range(9))
    assert metrics.curve[-1].recall == 1.0
    assert (metrics.n_queries, metrics.n_gallery, metrics.model_digest) == (48, 192, "d" * 64)


def test_random_codes_score_chance(random_codes):
    metrics, _ = measure(*random_codes, SETTINGS, seed=0)
    assert metrics.figures.map == pytest.approx(metrics.chance.map, abs=0.03)
    assert metrics.validation_map == pytest.approx(metrics.validation_chance, abs=0.03)
    assert metrics.chance.precision_h2 == pytest.approx((2 + 2 + 1 + 3) / 4 / 4)  # sets that share a label, of four
    for name in ("map", "ndcg_at_100", "acg_at_100", "weighted_map"):
        worst, value, best = (getattr(metrics.chance, name + end) for end in ("_worst_ties", "", "_best_ties"))
        assert worst == value == best


def test_codes_that_spell_the_labels_score_one(tmp_path):
    metrics, _ = measure(*measured_tables(tmp_path, perfect_codes()), SETTINGS, seed=0)
    figures = metrics.figures
    assert [figures.map, figures.map_worst_ties, figures.map_best_ties, figures.ndcg_at_100] == pytest.approx([1] * 4)
    assert (figures.precision_h2, figures.empty_ball_rate, metrics.validation_map) == (1.0, 0.0, pytest.approx(1))
    assert metrics.n_distinct_codes == 4
    assert metrics.bit_balance == [0.5] * 16 + [0.25] * 8


def test_a_query_to_which_nothing_is_relevant_is_counted_and_stands_outside_the_means(random_codes):
    codes, given = random_codes
    everything = measure(codes, given, SETTINGS, seed=0)
    sets, folds = given.labels["set_id"].to_pylist(), given.labels["fold"].to_pylist()
    kept = [row for row in range(N_IMAGES) if folds[row] == "test" or sets[row] != 2]  # none but set 2 has label 2
    metrics, queries = measure(codes.take(kept), given, SETTINGS, seed=0)
    assert metrics.no_relevant_rate == 0.25
    assert queries["ap_expected"].null_count == queries["ndcg_at_100"].null_count == 12
    assert metrics.figures.map == pytest.approx(pc.mean(queries["ap_expected"]).as_py())
    assert everything.metrics.no_relevant_rate == 0
    queries.cast(QUERIES)


def test_the_digest_depends_on_who_is_asked_and_what_is_relevant_but_not_on_the_codes(random_codes, replaced):
    codes, given = random_codes
    digest = measure(codes, given, SETTINGS, seed=0).metrics.evaluation_digest
    reversed_codes = replaced(codes, "code", codes["code"].to_pylist()[::-1])
    reversed_codes = reversed_codes.replace_schema_metadata(codes.schema.metadata)
    assert measure(reversed_codes, given, SETTINGS, seed=1).metrics.evaluation_digest == digest

    levels, patients = given.similarity["level"].to_pylist(), given.labels["patient_id"].to_pylist()
    for changed in (
        {"labels": replaced(given.labels, "set_id", [3, *given.labels["set_id"].to_pylist()[1:]])},
        {"similarity": replaced(given.similarity, "level", [*levels[:-1], 1])},
        {"labels": replaced(given.labels, "patient_id", ["f" * 16, *patients[1:]])},
    ):
        assert measure(codes, replace(given, **changed), SETTINGS, seed=0).metrics.evaluation_digest != digest
    assert measure(codes.slice(1), given, SETTINGS, seed=0).metrics.evaluation_digest != digest


def test_the_kernel_and_any_number_of_threads_give_the_same_bytes(random_codes, monkeypatch):
    first = measure(*random_codes, SETTINGS, seed=0, threads=1)
    monkeypatch.setattr("medhash.retrieval.measures.histogram.KERNEL_PAIRS", 0)
    monkeypatch.setattr("medhash.retrieval.measures.histogram._CHUNK_CELLS", 200)
    for threads in (1, 3):
        again = measure(*random_codes, SETTINGS, seed=0, threads=threads)
        assert again.metrics.model_dump_json() == first.metrics.model_dump_json()
        assert again.queries.equals(first.queries)


def test_relaxed_codes_of_minus_one_and_one_have_the_figures_of_their_bits(random_codes):
    codes, given = random_codes
    shuffled = codes.take(np.random.default_rng(1).permutation(N_IMAGES)).replace_schema_metadata(codes.schema.metadata)
    bits = np.unpackbits(np.array([list(code) for code in shuffled["code"].to_pylist()], np.uint8), axis=1)
    by_bits = measure(codes, given, SETTINGS, seed=0)
    relaxed = measure_relaxed(shuffled, 2 * bits.astype(np.float32) - 1, given, SETTINGS, seed=0, threads=2)
    assert relaxed.queries.to_pandas().to_numpy()[:, 2:].astype(float) == pytest.approx(
        by_bits.queries.to_pandas().to_numpy()[:, 2:].astype(float), abs=1e-12
    )
    for name in ("bit_balance", "n_distinct_codes", "evaluation_digest", "bits"):
        assert getattr(relaxed.metrics, name) == getattr(by_bits.metrics, name)
    assert relaxed.metrics.validation_map == pytest.approx(by_bits.metrics.validation_map, abs=1e-12)


def test_relaxed_codes_between_the_signs_break_the_ties(random_codes):
    codes, given = random_codes
    bits = np.unpackbits(np.array([list(code) for code in codes["code"].to_pylist()], np.uint8), axis=1)
    relaxed = ((2.0 * bits - 1) * np.random.default_rng(0).uniform(0.1, 1, bits.shape)).astype(np.float32)
    figures = measure_relaxed(codes, relaxed, given, SETTINGS, seed=0).metrics.figures
    assert figures.map_worst_ties == figures.map_best_ties == pytest.approx(figures.map, abs=1e-12)
    for wrong, reason in (
        (-relaxed, "not the signs"),
        (2 * relaxed, r"do not lie in \[-1, 1\]"),
        (relaxed[1:], "do not belong"),
        (relaxed * np.nan, "do not lie"),
    ):
        with pytest.raises(MedhashError, match=reason):
            measure_relaxed(codes, wrong, given, SETTINGS, seed=0)


def test_without_a_val_fold_there_is_no_validation_figure(random_codes, replaced):
    codes, given = random_codes
    changed = [
        replaced(table, "fold", ["train" if fold == "val" else fold for fold in table["fold"].to_pylist()])
        for table in (codes, given.labels)
    ]
    codes, labels = (table.replace_schema_metadata(codes.schema.metadata) for table in changed)
    metrics, _ = measure(codes, replace(given, labels=labels), SETTINGS, seed=0)
    assert metrics.validation_map is None
    assert metrics.validation_chance is None
    assert metrics.figures == measure(*random_codes, SETTINGS, seed=0).metrics.figures
