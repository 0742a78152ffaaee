"""A balanced selection without a val fold, through every stage and gate: only the drawn images may take part."""

import importlib

import numpy as np
import pytest
from builders import small_workspace

from components.quality.__main__ import main as check
from medhash.core.contracts import LABELS, SPLIT, read_table
from medhash.core.documents import Vocabulary
from medhash.core.params import EvaluateParams, load_params
from medhash.retrieval.code_table import read_codes
from medhash.retrieval.evaluation.measure import measure
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.index import load_index
from medhash.training.train import train_method

PARAMS = """\
methods: [lsh]
size_px: 16
bits: 16
split: {strategy: STRATEGY, val_share: 0.0}
labels: {classes: [Effusion, Mass], no_finding: exclude, images_per_class: 50}
quality: {max_dead_bit_share: 1.0, fold_share_tolerance: 0.2}
"""
TABLES = ("split", "labels", "similarity")
PER_METHOD = ("encode", "index")


def run(root, stage, *arguments):
    """The stage, then its gate."""
    assert importlib.import_module(f"components.{stage}.__main__").main([*arguments, "--root", str(root)]) == 0, stage
    assert check([stage, "--root", str(root)]) == 0, f"gate {stage}"


@pytest.fixture(params=["hash", "stratified"])
def workspace(request, tmp_path):
    """The tables of a selection without a val fold, passed by their gates."""
    workspace = small_workspace(tmp_path, size_px=16, n_patients=60)
    (tmp_path / "params.yaml").write_text(PARAMS.replace("STRATEGY", request.param))
    for stage in TABLES:
        run(tmp_path, stage)
    return workspace


def test_the_gates_take_an_empty_val_fold_and_images_that_were_not_drawn(workspace):
    split, labels = read_table(workspace.split, SPLIT), read_table(workspace.labels, LABELS)
    assert (split.num_rows, labels.num_rows) == (240, 100)
    assert set(split["fold"].to_pylist()) == {"train", "test"}
    assert {counts["val"] for counts in Vocabulary.read(workspace.vocabulary).n_bags.values()} == {0}


@pytest.mark.parametrize("workspace", ["hash"], indirect=True)
def test_every_stage_of_a_method_takes_the_drawn_images_alone(workspace):
    path = workspace.features("gist-512")
    path.parent.mkdir(parents=True)
    np.save(path, np.random.default_rng(0).normal(size=(240, 512)).astype(np.float32))
    train_method(workspace, load_params(workspace.root / "params.yaml"), "lsh")
    for stage in PER_METHOD:
        run(workspace.root, stage, "--method", "lsh")
    labels = read_table(workspace.labels, LABELS)
    drawn = dict(zip(labels["bag_id"].to_pylist(), labels["fold"].to_pylist(), strict=True))
    codes = read_codes(workspace.codes("lsh"))
    assert dict(zip(codes["bag_id"].to_pylist(), codes["fold"].to_pylist(), strict=True)) == drawn
    in_train = {bag_id for bag_id, fold in drawn.items() if fold == "train"}
    assert set(load_index(workspace.index("lsh")).bag_ids.to_pylist()) == in_train
    metrics = measure(codes, Tables.read(workspace), EvaluateParams(bootstrap_samples=10), seed=7).metrics
    assert (metrics.n_queries, metrics.n_gallery) == (100 - len(in_train), len(in_train))
    assert metrics.validation_map is None
