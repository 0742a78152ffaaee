"""A copy of the finished run with an MLflow store of its own: what a test deletes there is nobody else's."""

import shutil
from pathlib import Path

import pytest
from releases.promotion.conftest import finished_run as finished_run
from releases.promotion.finished import Run


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("medhash.releases.promotion.gates.stale_stages", lambda root, stages: [])
    shutil.copytree(finished_run, tmp_path / "run", ignore=shutil.ignore_patterns("mlflow"))
    return Run(tmp_path / "run")
