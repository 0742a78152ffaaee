"""The registered model, loaded from a real MLflow store, asked with a table in which a case is several rows."""

import json

import pandas as pd
import pytest

from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.releases.registry import Registry
from medhash.releases.release import Release
from medhash.releases.searcher.loaded import LoadedRelease

CASES = {"left breast": (64, 65, 66), "right breast": (67, 68), "one view": (72,)}


@pytest.fixture(scope="module")
def loaded(bags):
    import mlflow

    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("MLFLOW_TRACKING_URI", raising=False)
        client = tracking.connect(bags)
        registry, folder = Registry(client, "medhash-bags"), bags.root / "release"
        run = client.create_run(tracking.experiment(client, bags, "medhash-bags"))
        registry.promote(registry.register(Release.read(folder / "release.json"), folder, run.info.run_id))
        yield mlflow.pyfunc.load_model("models:/medhash-bags@champion")


def content(bags, row):
    return (bags.root / f"{row}.png").read_bytes()


def answers(loaded, table, k=5):
    return [json.loads(text) for text in loaded.predict(table, params={"k": k})["neighbours"]]


def test_rows_of_one_bag_are_one_case_answered_where_it_first_appears(bags, loaded):
    mixed = [
        ("left breast", 64),
        ("right breast", 67),
        ("left breast", 65),
        ("one view", 72),
        ("right breast", 68),
        ("left breast", 66),
    ]
    table = pd.DataFrame({"image": [content(bags, row) for _, row in mixed], "bag": [bag for bag, _ in mixed]})
    release = LoadedRelease(bags.root / "release")
    expected = [
        [found.as_json() for found in release.answer([content(bags, row) for row in rows], 5).neighbours]
        for rows in CASES.values()
    ]
    assert answers(loaded, table) == expected
    assert expected[0][0].keys() == {"bag_id", "distance", "labels", "matched"}
    assert expected[0][0]["matched"].keys() == {"query_image", "image_id", "distance"}


def test_without_the_column_every_row_is_a_case(bags, loaded):
    alone = answers(loaded, pd.DataFrame({"image": [content(bags, row) for row in (64, 65)]}))
    named = answers(loaded, pd.DataFrame({"image": [content(bags, row) for row in (64, 65)], "bag": ["a", "b"]}))
    assert len(alone) == 2
    assert alone == named


@pytest.mark.parametrize("bag", [None, "", float("nan")])
def test_a_row_without_a_bag_is_named_and_no_other_s_bag_is(bags, loaded, bag):
    table = pd.DataFrame({"image": [content(bags, 64)] * 2, "bag": ["Jane Poe", bag]})
    with pytest.raises(MedhashError, match="row 1: the image has no bag") as refused:
        loaded.predict(table)
    assert "Poe" not in str(refused.value)


def test_the_row_of_an_unreadable_image_and_the_first_of_too_large_a_case_are_named(bags, loaded):
    table = pd.DataFrame({"image": [content(bags, 64), content(bags, 65), b"not an image"], "bag": ["a", "b", "a"]})
    with pytest.raises(MedhashError, match="row 2: the image cannot be read"):
        loaded.predict(table)
    many = pd.DataFrame({"image": [content(bags, 64)] * 66, "bag": ["a", *["b"] * 65]})
    with pytest.raises(MedhashError, match="row 1: 65 images were given as one case"):
        loaded.predict(many)


def test_the_signature_says_that_the_bag_may_be_left_out(loaded):
    inputs = {column.name: column for column in loaded.metadata.signature.inputs}
    assert (inputs["bag"].required, inputs["image"].required) == (False, True)
