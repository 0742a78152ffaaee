"""Slices of the test queries: who is in them, their figures by hand, and what the archive does not say."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from builders import LABELS_OF_SETS, VOCABULARY

from medhash.core.errors import MedhashError
from medhash.core.params import EvaluateParams
from medhash.retrieval.evaluation.measure import measure
from medhash.retrieval.evaluation.slices import common_value
from medhash.retrieval.measures.bootstrap import patient_bootstrap

SETTINGS = EvaluateParams(bootstrap_samples=200)


def test_a_label_slice_holds_the_queries_that_carry_the_label(random_codes):
    codes, given = random_codes
    metrics, queries = measure(codes, given, SETTINGS, seed=3)
    set_of = dict(zip(given.labels["bag_id"].to_pylist(), given.labels["set_id"].to_pylist(), strict=True))
    carried = [LABELS_OF_SETS[set_of[bag_id]] for bag_id in queries["bag_id"].to_pylist()]
    precision, ndcg, nearest = (queries[name].to_numpy() for name in ("ap_expected", "ndcg_at_100", "precision_at_10"))
    assert list(metrics.slices["label"]) == VOCABULARY
    for index, label in enumerate(VOCABULARY):
        mask = np.array([index in labels for labels in carried])
        figures = metrics.slices["label"][label]
        assert figures.n_queries == figures.n_answerable == mask.sum()
        assert figures.map == pytest.approx(precision[mask].mean())
        assert figures.ndcg_at_100 == pytest.approx(ndcg[mask].mean())
        assert figures.precision_at_10 == pytest.approx(nearest[mask].mean())
        bounds = patient_bootstrap(np.where(mask, precision, np.nan)[:, None], queries["patient_id"].to_numpy(), 200, 3)
        assert (figures.interval.low, figures.interval.high) == pytest.approx(tuple(bounds[0]))
        assert figures.interval.low < figures.map == figures.interval.value < figures.interval.high


def test_chance_beside_a_slice_is_that_of_its_own_queries(random_codes):
    codes, given = random_codes
    slices = measure(codes, given, SETTINGS, seed=0).metrics.slices["label"]
    # "Effusion" is in sets 0 and 3 of four, "No Finding" in set 2 alone: the second is half as likely to be hit.
    assert slices["No Finding"].chance_map == pytest.approx(1 / 4, abs=0.02)
    assert slices["Effusion"].chance_map == pytest.approx((2 / 4 + 3 / 4) / 2, abs=0.02)


def test_views_sexes_and_ages_cover_every_query_once_and_the_unknown_has_its_own_slice(random_codes, replaced):
    codes, given = random_codes
    ages = [None, 0, 19, 20, 39, 40, 59, 60, 79, 80, 90, 55] * 20
    images = replaced(given.images, "age", ages)
    images = replaced(images, "view", ["AP", "PA", None, ""] * 60)
    given = replace(given, images=images)
    metrics, queries = measure(codes, given, SETTINGS, seed=0)
    for name in ("view", "sex", "age"):
        assert sum(figures.n_queries for figures in metrics.slices[name].values()) == metrics.n_queries == 48
    assert list(metrics.slices["view"]) == ["AP", "PA", "unknown"]
    assert metrics.slices["view"]["unknown"].n_queries == 24
    assert list(metrics.slices["sex"]) == ["F", "M"]
    assert {name: figures.n_queries for name, figures in metrics.slices["age"].items()} == {
        "0-19": 8,
        "20-39": 8,
        "40-59": 12,
        "60-79": 8,
        "80+": 8,
        "unknown": 4,
    }
    females = pc.equal(images["sex"].slice(192), "F").to_numpy(zero_copy_only=False)
    assert metrics.slices["sex"]["F"].map == pytest.approx(queries["ap_expected"].to_numpy()[females].mean())


def test_one_patient_has_no_interval_and_a_class_that_the_gallery_lacks_has_no_figure(random_codes, replaced):
    codes, given = random_codes
    sets, folds = given.labels["set_id"].to_pylist(), given.labels["fold"].to_pylist()
    kept = [row for row in range(240) if folds[row] == "test" or sets[row] != 2]  # none but set 2 has label 2
    images = replaced(given.images, "view", ["LL" if row in (200, 201) else "PA" for row in range(240)])
    metrics, _ = measure(codes.take(kept), replace(given, images=images), SETTINGS, seed=0)
    lone = metrics.slices["view"]["LL"]
    assert (lone.n_queries, lone.n_patients, lone.interval) == (2, 1, None)
    assert lone.map is not None
    absent = metrics.slices["label"]["No Finding"]
    assert absent.model_dump() == {
        "n_queries": 12,
        "n_answerable": 0,
        "n_patients": 0,
        "map": None,
        "chance_map": None,
        "ndcg_at_100": None,
        "precision_at_10": None,
        "interval": None,
        "lift": None,
    }


def test_a_query_without_an_image_in_images_is_named(random_codes):
    codes, given = random_codes
    with pytest.raises(MedhashError, match=r"bag 00000000000000ef has a code but no image in images\.parquet \(1 such"):
        measure(codes, replace(given, images=given.images.slice(0, 239)), SETTINGS, seed=0)


def test_a_bag_has_the_value_its_images_agree_on_several_where_they_differ_and_unknown_where_none_says():
    bags = {
        0: ["CC", "CC"],
        1: ["CC", "MLO"],
        2: ["unknown"],
        3: ["unknown", "MLO", "unknown"],
        4: ["zoom", "unknown", "CC", "zoom"],
        5: ["zoom"],
    }
    values, bag = zip(*((value, number) for number, own in bags.items() for value in own), strict=True)
    order = np.random.default_rng(0).permutation(len(bag))
    found = common_value(np.array(values)[order], np.array(bag)[order], len(bags))
    assert found.tolist() == ["CC", "several", "unknown", "MLO", "several", "zoom"]
    assert common_value(np.array(["unknown"] * 2), np.array([1, 0]), 2).tolist() == ["unknown"] * 2


def test_the_images_of_a_bag_are_found_by_its_name_and_images_of_no_query_play_no_part(random_codes, replaced):
    """Every two images become one bag: the first of the two carries the code."""
    codes, given = random_codes
    first = [f"{row // 2 * 2:016x}" for row in range(240)]
    views = ["CC", "MLO", "CC", "CC", None, "MLO", None, None] * 30
    ages = pa.array([39, 41, 40, 59, 18, None, None, None] * 30, pa.int16())
    images = replaced(replaced(replaced(given.images, "bag_id", first), "view", views), "age", ages)
    codes = codes.take(list(range(0, 240, 2))).replace_schema_metadata(codes.schema.metadata)
    shuffled = images.take(np.random.default_rng(1).permutation(240))
    slices = measure(codes, replace(given, images=shuffled), SETTINGS, seed=0).metrics.slices
    counts = {name: {value: figures.n_queries for value, figures in slices[name].items()} for name in ("view", "age")}
    assert counts == {
        "view": {"CC": 6, "MLO": 6, "several": 6, "unknown": 6},
        "age": {"0-19": 6, "40-59": 6, "several": 6, "unknown": 6},
    }
    assert slices["sex"]["several"].n_queries == 24
