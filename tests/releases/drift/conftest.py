"""A champion served from a real MLflow store, made once, and copies of its checkout that a test may change."""

import shutil
from pathlib import Path

import pytest
from made_once import own_copy
from releases.drift.bench import Bench
from releases.drift.population import Patients, make_champion, train_lsh, write_params, write_patients

from medhash.core.workspace import Workspace
from medhash.releases.drift.check import find_champion

N_OLD = 200


@pytest.fixture(scope="session")
def with_champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(root: Path) -> None:
        write_params(root)
        workspace = Workspace(root)
        write_patients(workspace, Patients(N_OLD, seed=1, first=0))
        train_lsh(workspace)
        make_champion(workspace)
        assert find_champion(workspace, "medhash-nih") is not None  # and its copy lies in the cache from now on

    return own_copy(tmp_path_factory, "with_champion", make)


@pytest.fixture
def served(with_champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """What is registered already stays where it was."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MEDHASH_WHO", "a tester")
    shutil.copytree(with_champion, tmp_path / "run")
    return Workspace(tmp_path / "run")


@pytest.fixture
def old() -> Patients:
    return Patients(N_OLD, seed=1, first=0)


@pytest.fixture
def new() -> Patients:
    return Patients(100, seed=2, first=N_OLD)


@pytest.fixture
def bench(with_champion: Path, tmp_path: Path) -> Bench:
    return Bench(tmp_path, with_champion / "release")
