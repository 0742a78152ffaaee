"""The commit of a checkout, and whether tracked files differ from it."""

import subprocess
from pathlib import Path

from medhash.core.origins import origins

AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@localhost")


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *AUTHOR, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def test_the_commit_says_whether_tracked_files_differ_from_it(tmp_path):
    assert origins(tmp_path) == {"git_commit": "none", "dvc_lock": "none"}
    git(tmp_path, "init", "--quiet")
    assert origins(tmp_path)["git_commit"] == "none"
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--quiet", "--message", "a")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    (tmp_path / "untracked").write_text("1")
    assert origins(tmp_path)["git_commit"] == commit
    (tmp_path / "a").write_text("2")
    assert origins(tmp_path)["git_commit"] == f"{commit}+changes"


def test_a_missing_checkout_has_no_commit(tmp_path):
    assert origins(tmp_path / "none") == {"git_commit": "none", "dvc_lock": "none"}
