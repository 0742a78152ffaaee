"""What is costly to make, made by one of the processes that run tests and read by all; and copies of it to change."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from medhash.core.workspace import Workspace

_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
"""Tables and columns of MLflow's database that hold the absolute path of the store."""


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that make(folder) filled in whichever process came first; nobody may change it.

    Source: pytest-xdist's documentation, "Making session-scoped fixtures execute only once".
    """
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-once"
    shared.mkdir(exist_ok=True)
    folder, finished = shared / name, shared / f"{name}.finished"
    with FileLock(shared / f"{name}.lock"):
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            with pytest.MonkeyPatch.context() as patched:
                patched.delenv("MLFLOW_TRACKING_URI", raising=False)
                make(folder)
            finished.touch()
    return folder


def own_copy(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A copy for the tests of this process of what is made once; they may change it as long as they put it back."""
    return copied(made_once(factory, name, make), factory.mktemp(name) / "root")


def copied(source: Path, target: Path) -> Path:
    """A copy of a checkout whose store is its own: the addresses in MLflow's database lead to the copy's artifacts."""
    shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
    database = Workspace(target).mlflow_database
    if database.exists():
        with sqlite3.connect(database) as connection:
            for table, column in _ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)",  # noqa: S608
                    (f"{source.resolve()}/", f"{target.resolve()}/"),
                )
        connection.close()
    return target
