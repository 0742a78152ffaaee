"""A store of two versions, of which a test gets a copy whose aliases it may move; and a release over bags."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_once import own_copy
from of_bags import METHOD, run_of_bags
from releases.searcher.asked import two_versions

from medhash.core.workspace import Workspace


@pytest.fixture(scope="session")
def two_versions_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_copy(tmp_path_factory, "two-versions", two_versions)


@pytest.fixture
def store(two_versions_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The artifacts stay where they were made; all else is a copy."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(two_versions_made, tmp_path / "root", ignore=shutil.ignore_patterns("artifacts", "derived"))
    return Workspace(tmp_path / "root")


@pytest.fixture(scope="session")
def bags(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A run over bags with its release in the folder `release`, and its images as ROW.png, in colour."""
    from medhash.core.params import load_params
    from medhash.releases.assemble import build_release

    def make(root: Path) -> None:
        workspace = run_of_bags(root)
        build_release(workspace, load_params(root / "params.yaml"), METHOD, root / "release")
        for row, pixels in enumerate(np.load(workspace.pixels)):
            cv2.imwrite(str(root / f"{row}.png"), pixels.transpose(1, 2, 0)[:, :, ::-1])

    return Workspace(own_copy(tmp_path_factory, "release-of-bags", make))
