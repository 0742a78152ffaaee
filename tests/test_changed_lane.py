"""Which thorough tests a change asks for, and that no thorough test is forgotten."""

import subprocess
from pathlib import Path

import pytest
from changed_lane import COVERED, EVERYWHERE, REPOSITORY, changed_paths, thorough_files


def test_every_file_with_a_thorough_test_is_in_the_table_and_every_path_of_the_table_is_there():
    marked = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        if "pytest.mark." + "thorough" in path.read_text()
    }
    assert marked == COVERED.keys()
    for path in {part for covered in COVERED.values() for part in covered} | set(EVERYWHERE):
        assert (REPOSITORY / path).exists(), path


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ("medhash/platform/worker/clone.py", "tests/platform/worker/test_another_machine.py"),
        ("tests/training/test_bags.py", "tests/training/test_bags.py"),
        ("medhash/core/tracking.py", "tests/benchmark/test_benchmark_run.py"),
    ],
)
def test_a_change_asks_for_what_covers_it(changed, asked):
    assert asked in thorough_files([changed])


def test_a_change_that_no_thorough_test_covers_asks_for_none():
    assert thorough_files(["README.md", "medhash/trainings.py"]) == []


def git(root: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments],
        cwd=root,
        check=True,
        capture_output=True,
    )


def test_a_clone_of_one_commit_knows_no_change_and_a_branch_is_compared_with_where_it_left_main(tmp_path):
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    git(tmp_path, "init", "-q", "-b", "main", str(origin))

    def commit(root: Path, name: str) -> None:
        (root / name).write_text(name)
        git(root, "add", name)
        git(root, "commit", "-q", "-m", name)

    commit(origin, "one")
    assert changed_paths(origin) == ([], "not known: this clone holds one commit")
    commit(origin, "two")
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    assert changed_paths(clone)[0] == ["two"]
    git(clone, "checkout", "-q", "-b", "work")
    commit(clone, "three")
    paths, since = changed_paths(clone)
    assert paths == ["three"]
    assert since.startswith("since this branch left origin/main")
