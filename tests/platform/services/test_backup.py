"""The blocks of docs/operations.md that back the local profile up and restore it, run as they are printed."""

import re
import sqlite3
import subprocess
from datetime import date
from pathlib import Path

import pytest
from checkout import REPOSITORY, checkout_environment

from medhash.core.workspace import Workspace
from medhash.releases.audit import append, read_log

ALIAS = "insert into registered_model_aliases values ('medhash-nih', 'champion', 3)"


def block(name: str) -> str:
    text = (REPOSITORY / "docs" / "operations.md").read_text()
    found = re.search(rf"<!-- tested: {name} -->\n```sh\n(.*?)```", text, flags=re.DOTALL)
    assert found is not None
    return found[1]


def run(root: Path, name: str, backup: Path) -> None:
    environment = {**checkout_environment(REPOSITORY), "BACKUP": str(backup), "DAY": str(date.today())}
    done = subprocess.run(
        ["bash", "-euc", block(name)], cwd=root, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def database(path: Path, *statements: str) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = sqlite3.connect(path)
    opened.execute("pragma journal_mode=wal")
    for statement in statements:
        opened.execute(statement)
    opened.commit()
    return opened


@pytest.fixture
def root(tmp_path) -> Path:
    """What a checkout keeps in var/ and .dvc/cache, small."""
    root = tmp_path / "medhash"
    for name, text in {
        "var/airflow/jwt_secret": "key",
        "var/airflow/airflow.cfg": "fernet_key = 1",
        "var/mlflow/artifacts/1/release.json": "{}",
        "var/promotion/query_uses.json": "{}",
        "var/private/sources.parquet": "names",
        "var/cache/releases/big": "fetched again",
        "var/logs/mlflow.log": "old",
        ".dvc/cache/files/md5/ab/cd": "codes",
        "dvc.lock": "stages: {}",
        "params.yaml": "methods: [lsh]",
        "data/forgotten.txt": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    append(Workspace(root), "promote", {"version": 3})
    return root


def test_what_was_backed_up_while_it_was_in_use_is_there_again(root, tmp_path):
    open_one = database(
        root / "var/mlflow/mlflow.db", "create table registered_model_aliases (name, alias, version)", ALIAS
    )
    database(root / "var/airflow/airflow.db", "create table dag (id, is_paused)", "insert into dag values ('x', 0)")
    run(root, "backup", tmp_path / "safe")
    open_one.close()
    saved = tmp_path / f"safe-{date.today()}"
    for path in (saved, saved / "var.tar.gz", saved / "var/mlflow/mlflow.db"):
        assert path.stat().st_mode & 0o077 == 0

    root.rename(tmp_path / "lost")
    (root / "var").mkdir(parents=True)
    run(root, "restore", tmp_path / "safe")
    with sqlite3.connect(root / "var/mlflow/mlflow.db") as restored:
        assert restored.execute("select alias, version from registered_model_aliases").fetchall() == [("champion", 3)]
    with sqlite3.connect(root / "var/airflow/airflow.db") as restored:
        assert restored.execute("select is_paused from dag").fetchall() == [(0,)]
    assert [line.entry.what for line in read_log(Workspace(root))] == [{"version": 3}]
    for name in (
        "var/airflow/jwt_secret",
        "var/airflow/airflow.cfg",
        "var/mlflow/artifacts/1/release.json",
        "var/promotion/query_uses.json",
        "var/private/sources.parquet",
        ".dvc/cache/files/md5/ab/cd",
        "dvc.lock",
    ):
        assert (root / name).read_text() == (tmp_path / "lost" / name).read_text()
    assert not (root / "var/cache").exists()
    assert not (root / "var/logs").exists()
