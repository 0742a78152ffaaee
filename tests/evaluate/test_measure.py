"""Measuring codes of a small data set: against loops and sorts, by hand, and what it refuses."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from builders import LABELS_OF_SETS, small_workspace, write_codes
from sklearn.metrics import average_precision_score, ndcg_score

from components.contracts import LABELS, QUERIES, SIMILARITY, SPLIT, read_table
from components.errors import MedhashError
from components.evaluate.measure import measure
from components.index.code_table import read_codes
from components.params import EvaluateParams

N_IMAGES = 240
SETTINGS = EvaluateParams(bootstrap_samples=50)


def tables(root, codes):
    workspace = small_workspace(root, n_patients=60)
    write_codes(workspace, "lsh", codes, "d" * 64)
    return {"codes": read_codes(workspace.codes("lsh")), "split": read_table(workspace.split, SPLIT),
            "labels": read_table(workspace.labels, LABELS), "similarity": read_table(workspace.similarity, SIMILARITY)}


@pytest.fixture
def random_codes(tmp_path):
    return tables(tmp_path, np.random.default_rng(5).integers(0, 256, (N_IMAGES, 1), np.uint8))


def perfect_codes():
    """Eight bits per label, all ones where the image carries it: what shares a label is nearer than what does not."""
    rows = [[255 if label in LABELS_OF_SETS[image % 4] else 0 for label in range(3)] for image in range(N_IMAGES)]
    return np.array(rows, np.uint8)


def replaced(table, name, values):
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def test_each_query_is_measured_as_loops_over_the_gallery_would(random_codes):
    given = dict(random_codes)
    patients = given["split"]["patient_id"].to_pylist()
    patients[-1] = patients[0]                          # the last test image belongs to a patient of the gallery
    given["split"] = replaced(given["split"], "patient_id", patients)
    queries = measure(**given, settings=SETTINGS, seed=0).queries.to_pylist()

    codes = [value[0] for value in given["codes"]["code"].to_pylist()]
    folds, sets = given["labels"]["fold"].to_pylist(), given["labels"]["set_id"].to_pylist()
    rows = [row for row in range(N_IMAGES) if folds[row] == "test"]
    assert [query["image_id"] for query in queries] == [given["codes"]["image_id"][row].as_py() for row in rows]
    for row, query in zip(rows, queries, strict=True):
        gallery = [item for item in range(N_IMAGES) if folds[item] != "test" and patients[item] != patients[row]]
        distance = np.array([(codes[row] ^ codes[item]).bit_count() for item in gallery])
        level = np.array([len(set(LABELS_OF_SETS[sets[row]]) & set(LABELS_OF_SETS[sets[item]])) for item in gallery])
        assert query["n_relevant"] == (level > 0).sum()
        assert query["n_within_h2"] == (distance <= 2).sum()
        assert query["precision_h2"] == pytest.approx((level[distance <= 2] > 0).mean())
        for name, order in (("ap_worst", np.lexsort((level, distance))), ("ap_best", np.lexsort((-level, distance)))):
            expected = average_precision_score(level[order] > 0, -np.arange(len(order)))
            assert query[name] == pytest.approx(expected, abs=1e-12)
        assert query["ap_worst"] < query["ap_expected"] < query["ap_best"]
        assert query["ndcg_at_100"] == pytest.approx(ndcg_score([2.0 ** level - 1], [-distance], k=100), abs=1e-12)


def test_the_figures_are_means_over_the_queries_and_lie_within_their_intervals(random_codes):
    metrics, queries = measure(**random_codes, settings=SETTINGS, seed=0)
    for figure, column in (("map", "ap_expected"), ("map_worst_ties", "ap_worst"), ("map_best_ties", "ap_best"),
                           ("ndcg_at_100", "ndcg_at_100"), ("acg_at_100", "acg_at_100"),
                           ("weighted_map", "weighted_ap"), ("precision_h2", "precision_h2")):
        assert getattr(metrics.figures, figure) == pytest.approx(pc.mean(queries[column]).as_py(), abs=1e-12)
    assert set(metrics.intervals) == {"map", "ndcg_at_100", "acg_at_100", "weighted_map", "precision_h2"}
    for name, interval in metrics.intervals.items():
        assert interval.low < interval.value == getattr(metrics.figures, name) < interval.high
    assert metrics.curve[2].precision == pytest.approx(metrics.figures.precision_h2, abs=1e-12)
    assert [point.radius for point in metrics.curve] == list(range(9))
    assert metrics.curve[-1].recall == 1.0
    assert (metrics.n_queries, metrics.n_gallery, metrics.model_digest) == (48, 192, "d" * 64)


def test_random_codes_score_chance(random_codes):
    metrics, _ = measure(**random_codes, settings=SETTINGS, seed=0)
    assert metrics.figures.map == pytest.approx(metrics.chance.map, abs=0.03)
    assert metrics.validation_map == pytest.approx(metrics.validation_chance, abs=0.03)
    assert metrics.chance.precision_h2 == pytest.approx((2 + 2 + 1 + 3) / 4 / 4)     # sets that share a label, of four
    assert metrics.chance.map_worst_ties == metrics.chance.map == metrics.chance.map_best_ties


def test_codes_that_spell_the_labels_score_one(tmp_path):
    metrics, _ = measure(**tables(tmp_path, perfect_codes()), settings=SETTINGS, seed=0)
    figures = metrics.figures
    assert [figures.map, figures.map_worst_ties, figures.map_best_ties, figures.ndcg_at_100] == pytest.approx([1] * 4)
    assert (figures.precision_h2, figures.empty_ball_rate, metrics.validation_map) == (1.0, 0.0, pytest.approx(1))
    assert metrics.n_distinct_codes == 4
    assert metrics.bit_balance == [0.5] * 16 + [0.25] * 8


def test_a_query_to_which_nothing_is_relevant_is_counted_and_stands_outside_the_means(random_codes):
    given = dict(random_codes)
    everything = measure(**given, settings=SETTINGS, seed=0)
    sets, folds = given["labels"]["set_id"].to_pylist(), given["labels"]["fold"].to_pylist()
    kept = [row for row in range(N_IMAGES) if folds[row] == "test" or sets[row] != 2]     # none but set 2 has label 2
    given["codes"] = given["codes"].take(kept)
    metrics, queries = measure(**given, settings=SETTINGS, seed=0)
    assert metrics.no_relevant_rate == 0.25
    assert queries["ap_expected"].null_count == queries["ndcg_at_100"].null_count == 12
    assert metrics.figures.map == pytest.approx(pc.mean(queries["ap_expected"]).as_py())
    assert everything.metrics.no_relevant_rate == 0
    queries.cast(QUERIES)


def test_the_digest_depends_on_who_is_asked_and_what_is_relevant_but_not_on_the_codes(random_codes):
    digest = measure(**random_codes, settings=SETTINGS, seed=0).metrics.evaluation_digest
    other_codes = replaced(random_codes["codes"], "code", random_codes["codes"]["code"].to_pylist()[::-1])
    assert measure(**random_codes | {"codes": other_codes.replace_schema_metadata(
        random_codes["codes"].schema.metadata)}, settings=SETTINGS, seed=1).metrics.evaluation_digest == digest

    sets = random_codes["labels"]["set_id"].to_pylist()
    levels = random_codes["similarity"]["level"].to_pylist()
    patients = random_codes["split"]["patient_id"].to_pylist()
    for changed in ({"labels": replaced(random_codes["labels"], "set_id", [3, *sets[1:]])},
                    {"similarity": replaced(random_codes["similarity"], "level", [*levels[:-1], 1])},
                    {"split": replaced(random_codes["split"], "patient_id", ["f" * 16, *patients[1:]])},
                    {"codes": random_codes["codes"].slice(1)}):
        assert measure(**random_codes | changed, settings=SETTINGS, seed=0).metrics.evaluation_digest != digest


def test_tables_that_cannot_be_measured_are_refused(random_codes):
    nothing_shared = replaced(random_codes["similarity"], "level", [0] * 16)
    with pytest.raises(MedhashError, match="none of the 48 queries of fold test shares a label with any of the 192"):
        measure(**random_codes | {"similarity": nothing_shared}, settings=SETTINGS, seed=0)
    with pytest.raises(MedhashError, match=r"label set 3 of labels\.parquet has no row in similarity\.parquet"):
        measure(**random_codes | {"similarity": random_codes["similarity"].slice(0, 1)}, settings=SETTINGS, seed=0)
