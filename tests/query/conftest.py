"""A store of two versions, made once; a test gets a copy whose aliases it may move."""

import shutil
from pathlib import Path

import pytest
from query.asked import two_versions

from components.workspace import Workspace


@pytest.fixture(scope="session")
def two_versions_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("MLFLOW_TRACKING_URI", raising=False)
        return two_versions(tmp_path_factory.mktemp("two") / "root").root


@pytest.fixture
def store(two_versions_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The artifacts stay where they were made; all else is a copy."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(two_versions_made, tmp_path / "root", ignore=shutil.ignore_patterns("artifacts", "derived"))
    return Workspace(tmp_path / "root")
