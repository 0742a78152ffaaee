"""What makes a row stale: its own code and settings, and neither comments nor other methods."""

import pytest
from checkout import REPOSITORY

from components.benchmark import code
from components.benchmark.code import TRUNKS, code_digest, described, imported, modules_of
from components.hashing.methods import CATALOGUE, find_method


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module whose text the test writes; what depends on it is read anew."""
    real = code.path_of
    file = tmp_path / "lsh.py"
    monkeypatch.setattr(code, "path_of", lambda name: file if name == "components.hashing.shallow.lsh" else real(name))

    def write(text):
        file.write_text(text)
        for cached in (code._meaning, code._imports):
            cached.cache_clear()
        return code_digest(modules_of(find_method("lsh")))

    yield write
    for cached in (code._meaning, code._imports):
        cached.cache_clear()


def test_comments_and_docstrings_change_no_digest_and_code_does(module):
    text = (REPOSITORY / "components" / "hashing" / "shallow" / "lsh.py").read_text()
    before = module(text)
    assert module(text.replace('"""', '"""More words. ', 1) + "\n# a remark\n") == before
    assert module(text + "\nEXTRA = 1\n") != before


def test_a_method_hangs_on_its_own_code_and_not_on_another_methods():
    lsh, drh, ksh = (imported(modules_of(find_method(name))) for name in ("lsh", "drh-18", "a-ksh"))
    assert "components.hashing.shallow.lsh" in lsh
    assert not any("itq" in name or "losses" in name for name in lsh)
    assert {"components.hashing.losses.nca", "components.hashing.networks.residual"} <= set(drh)
    assert not any("shallow" in name or "eight_layers" in name or "ranking" in name for name in drh)
    assert {"components.hashing.shallow.ksh", "components.hashing.networks.eight_layers",
            "components.hashing.losses.classification"} <= set(ksh)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_method_has_modules_and_a_description_without_addresses(name):
    assert all(code.path_of(module).exists() for module in modules_of(find_method(name)))
    assert " at 0x" not in described(find_method(name))


def test_what_a_row_runs_is_followed_into_training_and_measuring():
    row = set(imported(["components.benchmark.row"]))
    assert {"components.train.loop", "components.evaluate.measure", "components.retrieval.average_precision",
            "components.encode.encode", "components.hashing.model"} <= row
    assert not row & {f"components.hashing.networks.{trunk}" for trunk in TRUNKS.values()}
