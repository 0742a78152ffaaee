"""Figures by attribute against rankings written out, pair by pair; and what is told of unseen combinations."""

import json

import numpy as np
import pyarrow as pa
import pytest
from structured_archive import HELD_OUT, structured_workspace

from medhash.core.attributes import values_of
from medhash.core.contracts import codes_schema
from medhash.core.params import EvaluateParams
from medhash.retrieval.evaluation.calibration import calibration
from medhash.retrieval.evaluation.measure import measure
from medhash.retrieval.evaluation.tables import Tables

BITS = 24
PARTS = {"modality": slice(0, 5), "organ": slice(5, 16), "pathology": slice(16, 24)}
SETTINGS = EvaluateParams(bootstrap_samples=100)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    root = tmp_path_factory.mktemp("structured")
    return Tables.read(structured_workspace(root, n_each=5, size_px=16, held_out=HELD_OUT, unknown=6))


def code_table(
    tables: Tables, bits: np.ndarray, *, membership: np.ndarray | None = None, confidence: np.ndarray | None = None
) -> pa.Table:
    """bits: 0/1, (N, 24), in the order of labels.parquet."""
    labels, packed = tables.labels, np.packbits(bits, axis=1)
    columns = {
        "bag_id": labels["bag_id"],
        "fold": labels["fold"],
        "code": pa.array([row.tobytes() for row in packed], pa.binary(BITS // 8)),
    }
    about = {
        "method": "made",
        "bits": BITS,
        "model_digest": "0" * 64,
        "sub_codes": [{"name": name, "start": part.start, "stop": part.stop} for name, part in PARTS.items()],
    }
    schema = codes_schema(BITS, confidence is not None)
    columns["instances"] = pa.nulls(len(packed), schema.field("instances").type)
    if confidence is not None:
        columns["confidence"] = pa.array([row.tobytes() for row in confidence], pa.binary(BITS))
        columns["membership"] = pa.array(membership.tolist(), pa.list_(pa.float32()))
        about["memberships"] = {one.name: one.values for one in tables.vocabulary.attributes}
    return pa.table(columns).cast(schema).replace_schema_metadata({"medhash": json.dumps(about)})


def random_bits(tables: Tables, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (tables.labels.num_rows, BITS)).astype(np.uint8)


def known_values(tables: Tables, attribute: str) -> list[set[str]]:
    """Of every case in the order of labels.parquet (each is an image by itself)."""
    images = tables.images.sort_by("image_id")
    assert images["image_id"].to_pylist() == tables.labels["bag_id"].to_pylist()
    return [set(values) for values in values_of(images, attribute)]


def average_precision_by_hand(distances: np.ndarray, relevant: np.ndarray, n_orders: int = 400) -> float:
    """Mean over random orders of the ties."""
    random = np.random.default_rng(1)
    values = []
    for _ in range(n_orders):
        order = np.lexsort((random.random(len(distances)), distances))
        hits = relevant[order]
        places = np.flatnonzero(hits) + 1
        values.append(np.mean(np.arange(1, len(places) + 1) / places))
    return float(np.mean(values))


@pytest.mark.parametrize("attribute", ["modality", "organ", "pathology"])
@pytest.mark.parametrize("part", [None, "organ"])
def test_an_attributes_figures_are_those_of_cases_that_know_it(tables, attribute, part):
    bits, values, folds = random_bits(tables), known_values(tables, attribute), tables.labels["fold"].to_pylist()
    figures = measure(code_table(tables, bits), tables, SETTINGS, seed=0).metrics.structured
    found = figures.attributes[attribute] if part is None else figures.sub_codes[part][attribute]
    chosen = bits if part is None else bits[:, PARTS[part]]
    asked = [row for row, fold in enumerate(folds) if fold == "test" and values[row]]
    searched = np.array([row for row, fold in enumerate(folds) if fold != "test" and values[row]])
    precisions = []
    for row in asked:
        relevant = np.array([bool(values[row] & values[other]) for other in searched])
        if relevant.any():
            precisions.append(average_precision_by_hand((chosen[searched] != chosen[row]).sum(axis=1), relevant))
    assert (found.n_queries, found.n_gallery) == (len(precisions), len(searched))
    assert found.map == pytest.approx(np.mean(precisions), abs=0.01)


def test_preferring_an_attribute_orders_by_its_bits_and_then_by_all(tables):
    bits, values, folds = random_bits(tables, 3), known_values(tables, "pathology"), tables.labels["fold"].to_pylist()
    found = measure(code_table(tables, bits), tables, SETTINGS, seed=0).metrics.structured.preference["pathology"]
    gallery = [row for row, fold in enumerate(folds) if fold != "test"]
    shares = {"plain": [], "preferred": [], "chance": []}
    for row in (row for row, fold in enumerate(folds) if fold == "test" and values[row]):
        match = np.array([bool(values[row] & values[other]) for other in gallery], float)
        whole = (bits[gallery] != bits[row]).sum(axis=1)
        own = (bits[gallery][:, PARTS["pathology"]] != bits[row, PARTS["pathology"]]).sum(axis=1)
        for name, keys in (("plain", whole), ("preferred", own * 100 + whole), ("chance", whole * 0)):
            shares[name].append(_expected_share(keys, match, 10))
    assert found.n_queries == len(shares["plain"])
    for name, expected in shares.items():
        assert getattr(found, name) == pytest.approx(np.mean(expected)), name


def _expected_share(keys: np.ndarray, match: np.ndarray, k: int) -> float:
    """Of the k first; of the group that the k-th place cuts, each item stands there as likely."""
    total, left = 0.0, k
    for key in np.unique(keys):
        group = match[keys == key]
        taken = min(left, len(group))
        total, left = total + taken * group.mean(), left - taken
    return total / k


def test_codes_that_say_each_attribute_in_its_own_bits_rank_it_perfectly_there(tables):
    bits = np.zeros((tables.labels.num_rows, BITS), np.uint8)
    for attribute, part in PARTS.items():
        names = sorted({value for values in known_values(tables, attribute) for value in values})
        for row, values in enumerate(known_values(tables, attribute)):
            for value in values:
                bits[row, part.start + names.index(value)] = 1
    figures = measure(code_table(tables, bits), tables, SETTINGS, seed=0).metrics.structured
    for attribute in PARTS:
        assert figures.sub_codes[attribute][attribute].map == pytest.approx(1)
        assert figures.preference[attribute].preferred > 0.8
    assert figures.sub_codes["modality"]["organ"].map < 0.7


def test_queries_are_told_apart_by_whether_anybody_trained_on_their_combination(tables):
    figures = measure(code_table(tables, random_bits(tables)), tables, SETTINGS, seed=0).metrics.structured
    folds = dict(zip(tables.labels["bag_id"].to_pylist(), tables.labels["fold"].to_pylist(), strict=True))
    images = tables.images.to_pylist()
    held = [image for image in images if image["modality"] == "mr" and image["organ"] == "breast"]
    assert {folds[image["image_id"]] for image in held} == {"val", "test"}
    n_held = sum(folds[image["image_id"]] == "test" for image in held)
    both = figures.combinations
    assert both["held out"].n_queries == n_held
    assert both["seen"].n_queries + n_held == figures.joint.n_queries
    mean = (both["seen"].map * both["seen"].n_queries + both["held out"].map * n_held) / figures.joint.n_queries
    assert mean == pytest.approx(figures.joint.map)


def test_joint_ndcg_counts_the_attributes_that_agree(tables):
    bits = random_bits(tables, 5)
    figures = measure(code_table(tables, bits), tables, SETTINGS, seed=0).metrics.structured
    columns = [known_values(tables, name) for name in PARTS]
    folds = tables.labels["fold"].to_pylist()
    gallery = [row for row, fold in enumerate(folds) if fold != "test"]
    values = []
    for row in (row for row, fold in enumerate(folds) if fold == "test"):
        if not any(all(column[row] == column[other] for column in columns) for other in gallery):
            continue  # unanswerable: nobody has the combination
        gains = np.array([2.0 ** sum(bool(column[row] & column[other]) for column in columns) - 1 for other in gallery])
        distances = (bits[gallery] != bits[row]).sum(axis=1)
        discount = np.where(np.arange(len(gallery)) < 100, 1 / np.log2(np.arange(len(gallery)) + 2), 0)
        order = np.argsort(distances, kind="stable")
        expected = np.array([gains[distances == distances[place]].mean() for place in order])
        values.append((expected * discount).sum() / (np.sort(gains)[::-1] * discount).sum())
    assert figures.joint.ndcg_at_100 == pytest.approx(np.mean(values))


def test_labels_that_combine_nothing_have_no_structured_figures(tmp_path):
    from builders import small_workspace, write_codes

    from medhash.retrieval.code_table import read_codes

    workspace = small_workspace(tmp_path)
    write_codes(workspace, "lsh", np.random.default_rng(0).integers(0, 256, (120, 4), np.uint8))
    assert (
        measure(read_codes(workspace.codes("lsh")), Tables.read(workspace), SETTINGS, seed=0).metrics.structured is None
    )


def test_calibration_bins_by_hand():
    found = calibration(np.array([0.95, 0.93, 0.55, 0.6]), np.array([1.0, 0, 1, 1]), 0.0)
    assert [(one.low, one.n, one.confidence, one.accuracy) for one in found.bins] == [
        (0.5, 2, pytest.approx(0.575), 1),
        (0.9, 2, pytest.approx(0.94), 0.5),
    ]
    assert found.expected_error == pytest.approx(0.5 * 0.425 + 0.5 * 0.44)


def test_memberships_are_calibrated_on_test_cases_that_know_the_attribute(tables):
    values = {one.name: one.values for one in tables.vocabulary.attributes}
    rows = []
    for row in range(tables.labels.num_rows):
        for name in values:
            own = known_values(tables, name)[row] or {values[name][0]}
            rows.append([0.8 if value in own else 0.2 / (len(values[name]) - 1) for value in values[name]])
    membership = np.array([[*rows[start], *rows[start + 1], *rows[start + 2]] for start in range(0, len(rows), 3)])
    confidence = np.full((len(membership), BITS), 255, np.uint8)
    found = measure(
        code_table(tables, random_bits(tables), membership=membership, confidence=confidence), tables, SETTINGS, seed=0
    ).metrics.structured.calibration
    n_known = sum(
        bool(known) and fold == "test"
        for known, fold in zip(known_values(tables, "pathology"), tables.labels["fold"].to_pylist(), strict=True)
    )
    assert found["pathology"].n == n_known
    assert [(one.accuracy, pytest.approx(one.confidence)) for one in found["organ"].bins] == [(1, 0.8)]
    assert found["organ"].expected_error == pytest.approx(0.2)
    assert found["bits"].bins[0].confidence == 1
