"""The gates of structured data: nobody trains on what is held out, and every attribute tells something apart."""

import numpy as np
import pyarrow as pa
import pytest
from structured_archive import HELD_OUT, structured_workspace

from components.quality.gate import check_stage
from medhash.core.contracts import SPLIT, read_table, write_table
from medhash.core.documents import Vocabulary
from medhash.core.params import Params

PARAMS = Params(
    methods=["modhash"],
    split={"strategy": "combination", "held_out": HELD_OUT, "test_share": 0.25},
    labels={"attribute": "combination", "classes": [], "bag": "union"},
    quality={"min_patients_per_label_and_fold": 0},
)


@pytest.fixture
def workspace(tmp_path):
    return structured_workspace(tmp_path, n_each=5, size_px=16, held_out=HELD_OUT)


def failed(stage, workspace) -> list[tuple[str, list[str]]]:
    report, _ = check_stage(stage, workspace, PARAMS)
    return [(check.expectation, check.offending) for check in report.checks if not check.success]


def test_what_the_stages_write_passes(workspace):
    assert failed("split", workspace) == []
    assert failed("labels", workspace) == []


def test_a_held_out_image_in_training_is_found(workspace):
    split = read_table(workspace.split, SPLIT)
    folds = np.array(split["fold"].to_pylist(), object)
    folds[:] = "train"
    write_table(workspace.split, split.set_column(2, SPLIT.field("fold"), pa.array(folds, pa.string())), SPLIT)
    found = dict(failed("split", workspace))
    assert found["none of them is in train"] == ["modality: mr, organ: breast: 10"]
    assert {"some of them are queries", "some of them are in the gallery"} <= found.keys()


def test_an_attribute_of_one_value_is_found(workspace):
    vocabulary = Vocabulary.read(workspace.vocabulary)
    organ = vocabulary.attributes[1]
    flat = organ.model_copy(update={"of_label": [0] * len(organ.of_label)})
    vocabulary.model_copy(update={"attributes": [vocabulary.attributes[0], flat]}).write(workspace.vocabulary)
    assert failed("labels", workspace) == [("every attribute has two values at least", ["organ: 1"])]
