"""The clone that a demo of another archive works in: its settings, its code, and what it never touches."""

import shutil
import subprocess
from pathlib import Path

import pytest

from medhash.core.errors import MedhashError
from medhash.core.params import load_params
from medhash.platform.demo.checkout import demo_checkout

OVERLAY = """\
size_px: 32
ingest: {source: breakhis, archive: data/sample/slides, bags: {by: slide}}
promote: {name: slides}
"""


def commit(root: Path, message: str) -> None:
    for arguments in (
        ["add", "-A"],
        ["-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-q", "-m", message],
    ):
        subprocess.run(["git", *arguments], cwd=root, check=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with settings, a data set and its archive."""
    root = tmp_path / "checkout"
    (root / "data" / "sets").mkdir(parents=True)
    (root / "data" / "sample" / "slides").mkdir(parents=True)
    (root / "data" / "sample" / "slides" / "a.png").write_bytes(b"a tile")
    (root / "data" / "sets" / "slides.yaml").write_text(OVERLAY)
    (root / "params.yaml").write_text("bits: 16\nmethods: [lsh]\n")
    (root / ".gitignore").write_text("/var/\n/raw/\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    commit(root, "first")
    return root


@pytest.mark.parametrize("asked", ["slides", "data/sample/slides", "data/sample/slides/"])
def test_a_name_or_the_archive_s_folder_gives_a_clone_with_that_data_set_s_settings(root, asked):
    clone = demo_checkout(root, asked)
    assert clone == root / "var" / "demo" / "slides"
    params = load_params(clone / "params.yaml")
    assert (params.size_px, params.bits, params.promote.name) == (32, 16, "slides")
    assert params.ingest.archive == "data/sample/slides"
    assert (clone / "data" / "sample" / "slides" / "a.png").read_bytes() == b"a tile"
    assert subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, check=True).stdout == b""


def test_a_data_set_without_validation_patients_gets_some_as_promotion_needs_them(root, capsys):
    (root / "data" / "sets" / "slides.yaml").write_text(OVERLAY + "split: {strategy: stratified, val_share: 0.0}\n")
    split = load_params(demo_checkout(root, "slides") / "params.yaml").split
    assert (split.strategy, split.val_share) == ("stratified", 0.2)
    assert "split.val_share is 0.2 here" in capsys.readouterr().out


def test_the_next_demo_keeps_what_was_computed_and_takes_the_newest_commit(root):
    clone = demo_checkout(root, "slides")
    computed = clone / "var" / "computed"
    computed.parent.mkdir()
    computed.write_text("a model")
    (root / "code.py").write_text("new = True\n")
    (root / "data" / "sets" / "slides.yaml").write_text(OVERLAY.replace("32", "48"))
    commit(root, "second")
    assert demo_checkout(root, "slides") == clone
    assert (clone / "code.py").exists()
    assert computed.read_text() == "a model"
    assert load_params(clone / "params.yaml").size_px == 48


def test_an_archive_outside_git_is_named_by_its_whole_path(root):
    (root / "raw" / "mine").mkdir(parents=True)
    path = root / "mine.yaml"
    path.write_text("ingest: {source: breakhis, archive: raw/mine}\n")
    params = load_params(demo_checkout(root, str(path)) / "params.yaml")
    assert params.ingest.archive == str(root / "raw" / "mine")


def test_what_is_no_data_set_or_no_demo_of_ours_is_refused(root):
    with pytest.raises(MedhashError, match="there is no data set fruit"):
        demo_checkout(root, "fruit")
    (root / "raw").mkdir()
    with pytest.raises(MedhashError, match="no data set of data/sets/ has the archive raw/"):
        demo_checkout(root, "raw/")
    other = root / "var" / "demo" / "slides"
    other.mkdir(parents=True)
    (other / "letter.txt").write_text("keep me")
    with pytest.raises(MedhashError, match="holds files that are not a demo's"):
        demo_checkout(root, "slides")
    assert (other / "letter.txt").read_text() == "keep me"


def test_a_folder_that_is_no_git_checkout_says_so(root):
    shutil.rmtree(root / ".git")
    with pytest.raises(MedhashError, match="git could not clone"):
        demo_checkout(root, "slides")
