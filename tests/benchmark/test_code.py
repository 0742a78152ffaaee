"""What makes a row stale: its own code and settings, and neither comments nor other methods."""

import json

import pytest

from medhash.benchmark import code
from medhash.benchmark.pipeline import prepare_record, row_record
from medhash.core.params import Params
from medhash.hashing.catalogue import CATALOGUE, find_method
from medhash.hashing.method_code import learning_roots

PARAMS = Params(methods=["lsh"])


def reached(name: str) -> set[str]:
    return {str(one) for one in code._code().reached(learning_roots(find_method(name)))}


def test_a_method_hangs_on_its_own_code_and_not_on_another_methods():
    lsh, drh, ksh, attention = (reached(name) for name in ("lsh", "drh-18", "a-ksh", "dmih-attention"))
    assert "medhash.hashing.shallow.lsh:fit_lsh" in lsh
    assert not any("itq" in name or "losses" in name for name in lsh)
    assert {"medhash.hashing.losses.nca:nca_loss", "medhash.hashing.networks.residual:BasicBlock"} <= drh
    assert not any("fit_" in name or "eight_layers" in name or "ranking" in name for name in drh)
    assert {
        "medhash.hashing.shallow.ksh:fit_ksh",
        "medhash.hashing.networks.eight_layers:EightLayerTrunk",
        "medhash.hashing.losses.classification:classification_loss",
    } <= ksh
    assert "medhash.hashing.networks.pooling:GatedAttention" in attention
    assert "medhash.hashing.networks.pooling:max_pooling" not in attention
    assert not any("pooling" in name or "dmih" in name for name in drh)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_method_has_a_record_that_json_keeps(name):
    record = row_record(PARAMS, name)
    assert json.loads(json.dumps(record)) == record


def test_what_a_row_and_the_tables_run_is_followed_into_training_measuring_and_reading():
    row = {str(one) for one in code._code().reached(["medhash.benchmark.row:main"])}
    assert {
        "medhash.retrieval.evaluation.measure:measure",
        "medhash.retrieval.measures.average_precision:average_precision",
        "medhash.retrieval.encode:encode_bags",
        "medhash.hashing.model:HashModel",
        "medhash.training.train:train_method",
    } <= row
    assert not any(".networks." in name for name in row)
    # Another layout is another reader.
    breakhis = Params.model_validate({"methods": ["lsh"], "ingest": {"source": "breakhis"}})
    assert code.tables_digest(breakhis) != code.tables_digest(PARAMS)


def test_deviations_are_those_of_the_methods_own_code():
    drh = dict(code.deviations_of(find_method("drh-18")))
    assert "medhash.hashing.losses.quantization" in drh
    assert not any("shallow" in module or "osdh" in module for module in drh)
    assert all(text and "\n" not in text for text in drh.values())


@pytest.mark.parametrize(
    "changed",
    [
        {"ingest": {"bags": {"by": "patient"}}},
        {"ingest": {"bags": {"max_size": 12}}},
        {"ingest": {"cut": {"into": "grid"}}},
        {"ingest": {"stain": "macenko"}},
        {"ingest": {"breakhis": {"magnifications": [100]}}},
        {"labels": {"bag": "union"}},
    ],
)
def test_settings_of_bags_cuts_and_stains_make_the_tables_stale(changed):
    plain, other = (
        prepare_record(Params.model_validate({"methods": ["lsh"]} | sections)) for sections in ({}, changed)
    )
    assert plain["code"] == other["code"]
    assert plain["settings"] != other["settings"]


def test_where_the_archive_lies_and_what_is_kept_of_codes_leave_the_tables_as_they_are():
    moved = {"ingest": {"archive": "elsewhere", "workers": 3}, "encode": {"instances": True}}
    assert prepare_record(Params.model_validate({"methods": ["lsh"]} | moved)) == prepare_record(
        Params.model_validate({"methods": ["lsh"]})
    )
