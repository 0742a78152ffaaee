"""What makes a row stale: its own code and settings, and neither comments nor other methods."""

import pytest
from checkout import REPOSITORY

from medhash.benchmark import code
from medhash.benchmark.code import TRUNKS, code_digest, described, imported, modules_of
from medhash.benchmark.pipeline import prepare_record
from medhash.core.params import Params
from medhash.hashing.catalogue import CATALOGUE, find_method


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module whose text the test writes; what depends on it is read anew."""
    real = code.path_of
    file = tmp_path / "lsh.py"
    monkeypatch.setattr(code, "path_of", lambda name: file if name == "medhash.hashing.shallow.lsh" else real(name))

    def write(text):
        file.write_text(text)
        for cached in (code._meaning, code._imports):
            cached.cache_clear()
        return code_digest(modules_of(find_method("lsh")))

    yield write
    for cached in (code._meaning, code._imports):
        cached.cache_clear()


def test_comments_and_docstrings_change_no_digest_and_code_does(module):
    text = (REPOSITORY / "medhash" / "hashing" / "shallow" / "lsh.py").read_text()
    before = module(text)
    assert module(text.replace('"""', '"""More words. ', 1) + "\n# a remark\n") == before
    assert module(text + "\nEXTRA = 1\n") != before


def test_a_method_hangs_on_its_own_code_and_not_on_another_methods():
    lsh, drh, ksh = (imported(modules_of(find_method(name))) for name in ("lsh", "drh-18", "a-ksh"))
    assert "medhash.hashing.shallow.lsh" in lsh
    assert not any("itq" in name or "losses" in name for name in lsh)
    assert {"medhash.hashing.losses.nca", "medhash.hashing.networks.residual"} <= set(drh)
    assert not any("shallow" in name or "eight_layers" in name or "ranking" in name for name in drh)
    assert {
        "medhash.hashing.shallow.ksh",
        "medhash.hashing.networks.eight_layers",
        "medhash.hashing.losses.classification",
    } <= set(ksh)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_method_has_modules_and_a_description_without_addresses(name):
    assert all(code.path_of(module).exists() for module in modules_of(find_method(name)))
    assert " at 0x" not in described(find_method(name))


def test_what_a_row_runs_is_followed_into_training_and_measuring():
    row = set(imported(["medhash.benchmark.row"]))
    assert {
        "medhash.training.loop",
        "medhash.retrieval.evaluation.measure",
        "medhash.retrieval.measures.average_precision",
        "medhash.retrieval.encode",
        "medhash.hashing.model",
    } <= row
    assert not row & {f"medhash.hashing.networks.{trunk}" for trunk in TRUNKS.values()}


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


def test_a_pooling_is_code_of_the_rows_that_pool_so_and_of_no_other():
    attention, most, voting = (
        set(imported(modules_of(find_method(name)))) for name in ("dmih-attention", "dmih-max", "drh-18")
    )
    poolings = {"medhash.hashing.networks.pooling"}
    assert attention & poolings == {"medhash.hashing.networks.pooling"}
    assert most & poolings == {"medhash.hashing.networks.pooling"}
    assert not any("pooling" in name or "dmih" in name for name in voting)
