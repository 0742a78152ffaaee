"""Three versions, each promoted over the one before, made once; a test gets a copy whose store it may change."""

import shutil
from pathlib import Path

import pytest
from made_once import own_copy
from releases.champion.registered import register, workspace_with_store

from medhash.core.workspace import Workspace


@pytest.fixture(scope="session")
def three_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(root: Path) -> None:
        workspace = workspace_with_store(root)
        for seed in (1, 2, 3):
            register(workspace, seed)

    return own_copy(tmp_path_factory, "three-versions", make)


@pytest.fixture
def workspace(three_versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the store; the artifacts of the versions stay where they were, for all tests to read."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MEDHASH_WHO", "the tester")
    (tmp_path / "var").mkdir()
    shutil.copytree(
        three_versions / "var" / "mlflow", tmp_path / "var" / "mlflow", ignore=shutil.ignore_patterns("artifacts")
    )
    shutil.copy(three_versions / "params.yaml", tmp_path)
    return Workspace(tmp_path)
