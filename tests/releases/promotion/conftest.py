"""A run whose models, codes, indexes and figures are real, made once by the stages; and an empty MLflow store."""

import shutil
from pathlib import Path

import pytest
from builders import small_workspace
from made_once import copied, own_copy
from releases.promotion.finished import Run, after_training

from medhash.core.documents import Check, GateReport
from medhash.core.params import load_params
from medhash.core.workspace import Workspace

METHODS = ("lsh", "itq")
GATED = ("ingest", "evaluate")
DVC = "stages:\n" + "".join(
    f"  gate-{stage}:\n    cmd: python -m components.quality {stage}\n    deps: [data]\n"
    f"    outs: [data/derived/gates/{stage}.json]\n"
    for stage in GATED
)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lsh and itq through features, train, encode, index and evaluate."""

    def make(root: Path) -> None:
        from components.features.__main__ import main as features
        from medhash.core import tracking
        from medhash.training.train import train_method

        workspace = small_workspace(root)
        (root / "params.yaml").write_text(
            "bits: 16\nsize_px: 32\nmethods: [lsh, itq]\ntrain: {device: cpu}\n"
            "evaluate: {bootstrap_samples: 20}\n"
            "promote: {query_groups: 1, min_slice_patients: 2, bootstrap_samples: 100}\n"
        )
        (root / "dvc.yaml").write_text(DVC)
        params = load_params(root / "params.yaml")
        assert features(["--root", str(root)]) == 0
        for method in METHODS:
            train_method(workspace, params, method)
            after_training(workspace, params, method)
        for stage in GATED:
            GateReport(
                stage=stage,
                success=True,
                checks=[Check(expectation="all is well", about=stage, success=True, observed="", offending=[])],
            ).write(workspace.gate(stage))
        tracking.connect(workspace)

    return own_copy(tmp_path_factory, "finished-run", make)


@pytest.fixture(scope="session")
def served_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run with lsh as champion."""
    from medhash.releases.promotion.promote import promote

    def make(root: Path) -> None:
        copied(finished_run, root)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("medhash.releases.promotion.gates.stale_stages", lambda root, stages: [])
            promote(Workspace(root), Run(root).params("lsh"))

    return own_copy(tmp_path_factory, "served-run", make)


@pytest.fixture
def served(served_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A copy of the served run that a test may change; what is registered already stays where it was."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("medhash.releases.promotion.gates.stale_stages", lambda root, stages: [])
    shutil.copytree(served_run, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("medhash.releases.promotion.gates.stale_stages", lambda root, stages: [])
    shutil.copytree(finished_run, tmp_path / "run")
    return Run(tmp_path / "run")
