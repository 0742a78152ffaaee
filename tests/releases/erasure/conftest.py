"""A checkout that holds a patient everywhere, made once; every test has it for itself, at the same place."""

import shutil
import sqlite3
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_once import own_copy
from releases.erasure.holding import checkout_with_releases, name_of, scatter

from medhash.core.workspace import Workspace

PATIENT = name_of(10_003)
"""A patient of the gallery, with images 9, 10 and 11."""


class Holding(NamedTuple):
    """The checkout, and what there is of the patient in it."""

    workspace: Workspace
    patient: str
    image_ids: list[str]
    squares: list[bytes]

    @property
    def root(self) -> Path:
        return self.workspace.root


@pytest.fixture(scope="session")
def prototype(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout's path; MLflow keeps absolute paths, so a test works there, and it is put back after it."""

    def make(root: Path) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("medhash.releases.promotion.gates.stale_stages", lambda root, stages: [])
            workspace = checkout_with_releases(root)
        images = pq.read_table(workspace.images)
        rows = [row for row, patient in enumerate(images["patient_id"].to_pylist()) if patient == PATIENT]
        scatter(
            workspace, PATIENT, images["image_id"].take(rows).to_pylist(), rows, images["sha256"].take(rows).to_pylist()
        )

    root = own_copy(tmp_path_factory, "held-everywhere", make)
    shutil.copytree(root, root.with_name("kept"))
    return root


def _put_back(workspace: Workspace, kept: Path) -> None:
    """Everything anew but the file of MLflow's database, which this process holds open: that gets its old content."""
    database = workspace.mlflow_database
    for path in sorted(workspace.root.rglob("*"), reverse=True):
        if path.is_file() and path != database:
            path.unlink()
        elif path.is_dir() and path not in database.parents:
            path.rmdir()
    shutil.copytree(kept, workspace.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(database.name))
    source, target = (sqlite3.connect(path) for path in (kept / database.relative_to(workspace.root), database))
    source.backup(target)
    source.close()
    target.close()


@pytest.fixture
def holding(prototype: Path, monkeypatch: pytest.MonkeyPatch) -> Holding:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    workspace = Workspace(prototype)
    _put_back(workspace, prototype.with_name("kept"))
    images, pixels = pq.read_table(workspace.images), np.load(workspace.pixels)
    rows = [row for row, patient in enumerate(images["patient_id"].to_pylist()) if patient == PATIENT]
    return Holding(
        workspace, PATIENT, images["image_id"].take(rows).to_pylist(), [pixels[row].tobytes() for row in rows]
    )
