"""The columns that tell how sure a code is: there where they are asked for, the model's, and known ones are kept."""

import json

import numpy as np
import pyarrow as pa
import pytest
from structured_archive import structured_workspace

from components.encode.__main__ import main
from components.quality.gate import check_stage
from medhash.core.contracts import codes_schema, is_certain, read_table, write_table
from medhash.core.params import Params
from medhash.hashing.codes import bit_confidence
from medhash.hashing.model import load_model
from medhash.retrieval.code_table import code_info, read_codes
from medhash.retrieval.encode import KnownCode, encode_bags, write_codes
from medhash.training.train import train_method

PARAMS = Params(methods=["fuzzhash"], bits=24, size_px=16, train={"epochs": 1, "threads": 1, "augment": False})


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = structured_workspace(tmp_path_factory.mktemp("structured"), n_each=3, size_px=16)
    train_method(made, PARAMS, "fuzzhash")
    return made


def encoded(workspace, confidence: bool) -> bytes:
    (workspace.root / "params.yaml").write_text(
        f"methods: [fuzzhash]\nbits: 24\nsize_px: 16\ntrain: {{threads: 1}}\nencode: {{confidence: {confidence}}}\n"
    )
    assert main(["--root", str(workspace.root), "--method", "fuzzhash"]) == 0
    return workspace.codes("fuzzhash").read_bytes()


def test_a_table_has_them_only_where_they_are_asked_for_and_the_codes_are_the_same(workspace):
    encoded(workspace, False)
    plain = read_codes(workspace.codes("fuzzhash"))
    encoded(workspace, True)
    certain = read_codes(workspace.codes("fuzzhash"))
    assert not is_certain(plain.schema)
    assert is_certain(certain.schema)
    assert certain.select(plain.column_names).equals(plain)


def test_they_are_what_the_model_says_of_the_cases_pictures(workspace):
    encoded(workspace, True)
    table, model = (
        read_table(workspace.codes("fuzzhash"), codes_schema(24, certain=True)),
        load_model(workspace.model("fuzzhash")),
    )
    pixels = np.load(workspace.pixels)
    certainty = model.certainty(pixels, np.arange(len(pixels) + 1))
    np.testing.assert_array_equal(
        np.frombuffer(b"".join(table["confidence"].to_pylist()), np.uint8).reshape(-1, 24),
        bit_confidence(model.relaxed_pixels(pixels)),
    )
    np.testing.assert_allclose(np.array(table["membership"].to_pylist()), certainty.membership, atol=1e-6)
    memberships = code_info(table.schema).memberships
    assert list(memberships) == ["modality", "organ", "pathology"]
    assert sum(map(len, memberships.values())) == certainty.membership.shape[1]
    assert [part["name"] for part in json.loads(table.schema.metadata[b"medhash"])["sub_codes"]] == list(memberships)


def test_a_bit_of_zero_is_a_coin_toss_and_one_of_one_is_full():
    assert bit_confidence(np.array([[0.0, 0.5, -0.5, 1, -1, 7]])).tolist() == [[0, 128, 128, 255, 255, 255]]


def test_known_certainty_is_kept_and_a_code_known_without_it_is_encoded_again(workspace, tmp_path):
    whole = encoded(workspace, True)
    rows, model = read_codes(workspace.codes("fuzzhash")).to_pylist(), load_model(workspace.model("fuzzhash"))
    known = {
        row["bag_id"]: KnownCode(row["code"], None, row["confidence"] if number % 2 else None, row["membership"])
        for number, row in enumerate(rows)
    }
    write_codes(tmp_path / "again.parquet", model, encode_bags(workspace, model, confidence=True, known=known))
    assert (tmp_path / "again.parquet").read_bytes() == whole
    marked = {row["bag_id"]: KnownCode(row["code"], None, bytes(24), row["membership"]) for row in rows}
    kept = encode_bags(workspace, model, confidence=True, known=marked)
    assert not kept.confidence.any()


def test_the_gate_wants_them_where_they_are_asked_for_and_memberships_that_sum_to_one(workspace):
    encoded(workspace, False)
    asked = PARAMS.model_copy(update={"encode": PARAMS.encode.model_copy(update={"confidence": True})})
    assert failed(workspace, PARAMS) == []
    assert failed(workspace, asked) == ["confidence and memberships are kept where encode.confidence asks for them"]
    encoded(workspace, True)
    assert failed(workspace, asked) == []
    table = read_codes(workspace.codes("fuzzhash"))
    rows = table["membership"].to_pylist()
    rows[3][0] += 0.5
    field = table.schema.field("membership")
    broken = table.set_column(table.column_names.index("membership"), field, [pa.array(rows, field.type)])
    write_table(
        workspace.codes("fuzzhash"),
        broken,
        codes_schema(24, certain=True),
        {"medhash": table.schema.metadata[b"medhash"].decode()},
    )
    assert failed(workspace, asked) == ["memberships of an attribute sum to 1"]


def failed(workspace, params: Params) -> list[str]:
    report, _ = check_stage("encode", workspace, params)
    return [check.expectation for check in report.checks if not check.success and check.about.endswith("certainty")]
