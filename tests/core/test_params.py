"""params.yaml: every mistake is named by its key."""

from pathlib import Path

import pytest

from medhash.core.errors import MedhashError
from medhash.core.params import load_params

ROOT = Path(__file__).parents[2]


def test_the_projects_own_params_are_valid_and_name_known_methods() -> None:
    from medhash.hashing.catalogue import CATALOGUE

    params = load_params(ROOT / "params.yaml")
    assert set(params.methods) <= set(CATALOGUE)


def test_the_default_split_is_by_hash(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("methods: [lsh]")
    assert load_params(path).split.strategy == "hash"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("methods: [lsh]\nbitz: 32", "bitz"),
        ("methods: [lsh]\nsplit: {test_shar: 0.2}", "split.test_shar"),
        ("methods: [lsh]\nbits: '32'", "bits"),
        ("methods: [lsh]\nbits: 33", "bits"),
        ("methods: [lsh]\nsplit: {strategy: random}", "split.strategy"),
        ("methods: [lsh]\nsplit: {test_share: 1.5}", "split.test_share"),
        ("methods: []", "methods"),
        ("bits: 32", "methods"),
        ("", "the file"),
        ("methods: [lsh", "not valid YAML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(MedhashError, match=named):
        load_params(path)


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"methods: [lsh]  # \xfcber")
    with pytest.raises(MedhashError, match="not text in UTF-8: invalid start byte at byte 18"):
        load_params(path)


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(MedhashError, match="root of the repository"):
        load_params(tmp_path / "params.yaml")
