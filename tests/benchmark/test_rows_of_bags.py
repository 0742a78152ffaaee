"""Rows on cases of several images: a code per bag, the vote of methods that know no bags, and relaxed codes of bags."""

import json

import numpy as np
import pytest
from bag_builders import bag_workspace

from medhash.benchmark.pipeline import write_params, write_rows
from medhash.benchmark.row import main
from medhash.core.contracts import IMAGES, LABELS, codes_schema, read_table
from medhash.core.data_sets import set_workspace
from medhash.core.documents import Metrics
from medhash.core.params import Params
from medhash.hashing.model import load_model
from medhash.retrieval.members import read_members

METHODS = ("dmih-max", "drh-18", "drh-nb-18")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The rows of METHODS at 16 bits, one epoch each, on bags of one and two images."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("rows")
        workspace = set_workspace(root, "mine")
        bag_workspace(workspace.root, n_patients=20)
        settings = Params.model_validate(
            {
                "methods": ["drh-18"],
                "size_px": 16,
                "train": {"epochs": 1, "patience": 1, "threads": 1},
                "evaluate": {"bootstrap_samples": 20},
            }
        ).model_dump(mode="json")
        params = write_params(workspace, settings)
        patch.chdir(root)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY"):
            patch.setenv(name, "1")  # what the row sets ends with the test
        for method in METHODS:
            write_rows(workspace, params, method, [16], [0])
            assert (
                main(["--root", str(root), "--dataset", "mine", "--method", method, "--bits", "16", "--seed", "0"]) == 0
            )
        return workspace


def codes_of(workspace, method):
    table = read_table(workspace.row(method, 16, 0) / "codes.parquet", codes_schema(16)).sort_by("bag_id")
    return table["bag_id"].to_pylist(), np.array([list(code) for code in table["code"].to_pylist()], np.uint8)


def metrics_of(workspace, method):
    return Metrics.read(workspace.row(method, 16, 0) / "metrics.json")


@pytest.mark.parametrize("method", METHODS)
def test_every_bag_of_the_test_fold_is_a_query_and_every_other_stands_in_the_gallery(measured, method):
    labels = read_table(measured.labels, LABELS)
    n_test = labels["fold"].to_pylist().count("test")
    metrics = metrics_of(measured, method)
    assert (metrics.method, metrics.n_queries, metrics.n_gallery) == (method, n_test, len(labels) - n_test)
    assert len(labels) < len(read_table(measured.images, IMAGES))
    if method != "drh-nb-18":
        assert codes_of(measured, method)[0] == sorted(labels["bag_id"].to_pylist())


def test_a_method_that_knows_no_bags_lets_the_images_vote_bit_by_bit(measured):
    bag_ids, codes = codes_of(measured, "drh-18")
    model = load_model(measured.row("drh-18", 16, 0) / "model")
    members, pixels = read_members(read_table(measured.images, IMAGES)), np.load(measured.pixels)
    relaxed = model.relaxed_pixels(pixels)
    for place, bag_id in enumerate(members.bag_ids.tolist()):
        own = relaxed[members.rows[members.starts[place] : members.starts[place + 1]]].astype(float)
        bits = []
        for column in own.T:
            votes = sum(1 if value >= 0 else -1 for value in column)
            bits.append(votes > 0 if votes else column.sum() >= 0)
        assert np.packbits(bits).tolist() == codes[bag_ids.index(bag_id)].tolist()


def test_the_unbinarised_row_ranks_bags_by_the_relaxed_codes_whose_signs_are_the_codes(measured):
    relaxed = np.load(measured.row("drh-18", 16, 0) / "relaxed.npy")
    _, codes = codes_of(measured, "drh-18")
    assert np.packbits(relaxed >= 0, axis=1).tolist() == codes.tolist()
    one, other = metrics_of(measured, "drh-nb-18"), metrics_of(measured, "drh-18")
    assert one.model_digest == other.model_digest
    assert one.evaluation_digest == other.evaluation_digest
    assert one.figures.precision_at_10 != other.figures.precision_at_10


def test_a_row_says_what_was_trained(measured):
    facts = json.loads((measured.row("dmih-max", 16, 0) / "facts.json").read_text())
    assert (facts["method"], facts["n_epochs"], facts["model"]["network"]["pooling"]) == ("dmih-max", 1, "max")
