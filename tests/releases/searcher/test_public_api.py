"""What `import medhash` offers: light to import, typed, and its quick start runs as written."""

import ast
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from releases.champion.registered import NAME
from releases.searcher.asked import K, expected_answers

import medhash
from medhash.retrieval.code_table import read_codes

HEAVY = {"torch", "mlflow", "numpy", "pandas", "pyarrow", "faiss", "cv2", "pydantic"}


def found(answer):
    return [(neighbour.id, neighbour.distance_bits) for neighbour in answer.neighbours]


def test_importing_the_package_imports_nothing_heavy():
    script = f"import sys, medhash; heavy = {HEAVY!r} & set(sys.modules); assert not heavy, heavy"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there_for_type_checkers_too():
    tree = ast.parse(Path(medhash.__file__).read_text())
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == medhash._PUBLIC
    for name, module in typed.items():
        assert getattr(medhash, name).__module__ == module
    assert set(typed) <= set(dir(medhash))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        medhash.nothing  # noqa: B018


def test_the_quick_start_runs_as_it_is_written(store, two_versions_made, tmp_path, monkeypatch, capsys):
    made = two_versions_made / "made-2"
    shutil.copytree(made / "release", tmp_path / "release")
    shutil.copy(store.root / "3.png", tmp_path / "film.png")
    monkeypatch.chdir(tmp_path)
    lines = medhash.__doc__.splitlines()
    code = textwrap.dedent("\n".join(line for line in lines if line.startswith("    ") or not line))
    names: dict = {}
    exec(compile(code, "quick start", "exec"), names)
    printed = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    expected = expected_answers(two_versions_made)["2", "3.png"][:5]
    assert printed == [[str(rank), bag_id, str(bits)] for rank, (bag_id, bits) in enumerate(expected, 1)]
    row = next(
        row for row in read_codes(made / "release" / "codes.parquet").to_pylist() if row["bag_id"] == f"{3:016x}"
    )
    assert names["codes"].dtype == np.uint8
    assert names["codes"].tobytes() == row["code"]


def test_the_python_of_the_readme_runs_as_it_is_written(store, monkeypatch, capsys):
    readme = (Path(medhash.__file__).resolve().parents[1] / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    shutil.copy(store.root / "3.png", store.root / "film.png")
    monkeypatch.chdir(store.root)
    exec(compile(code.group(1), "README.md", "exec"), {})
    expected = expected_answers(store.root)["2", "3.png"][:5]
    printed = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert printed == [[str(rank), bag_id, str(bits)] for rank, (bag_id, bits) in enumerate(expected, 1)]


def test_paths_bytes_and_sequences_of_them_are_the_same_query(store):
    release = medhash.open_release(f"models:/{NAME}@champion", root=store.root)
    path, expected = store.root / "40.png", expected_answers(store.root)["2", "40.png"]
    for images in (path, str(path), path.read_bytes(), [path], [path.read_bytes()]):
        assert found(release.search(images, K)) == expected
    assert (release.encode([path, [path]]) == release.encode([path.read_bytes()])).all()
    assert release.encode([]).shape == (0, 4)
    with pytest.raises(medhash.MedhashError, match="case 2: the image cannot be opened") as refused:
        release.encode([path, "jane_poe.png"])
    assert "poe" not in str(refused.value)


def test_a_version_is_opened_by_alias_or_number_and_what_is_not_there_is_named(store):
    for version, which in ((1, "/1"), (1, "@previous"), (2, "@champion"), (2, "/2")):
        release = medhash.open_release(f"models:/{NAME}{which}", root=store.root)
        assert release.version == release.search(store.root / "3.png").version == str(version)
        assert found(release.search(store.root / "3.png", K)) == expected_answers(store.root)[str(version), "3.png"]
    for which, problem in (
        ("/3", "medhash-nih has no version 3"),
        ("@challenger", "medhash-nih has no challenger yet"),
        ("", "names no version of a model"),
    ):
        with pytest.raises(medhash.MedhashError, match=problem):
            medhash.open_release(f"models:/{NAME}{which}", root=store.root)
    with pytest.raises(medhash.MedhashError, match="nothing is not a folder"):
        medhash.open_release("nothing")
