"""The gates before a promotion: missing, failed or stale reports refuse it by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from medhash.commands.promote import main
from medhash.core.documents import Check, GateReport
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.audit import read_log
from medhash.releases.promotion.gates import require_gates, stale_stages
from medhash.releases.promotion.latest import Latest

PIPELINE = """
stages:
  gate-split:
    cmd: cp patients.txt report.json
    deps: [patients.txt]
    outs: [report.json]
"""


def write_run(root: Path, failed: bool = False) -> Workspace:
    workspace = Workspace(root)
    (root / "params.yaml").write_text("methods: [lsh]\n")
    (root / "dvc.yaml").write_text(PIPELINE)
    GateReport(
        stage="split",
        success=not failed,
        checks=[
            Check(
                expectation="no patient is in two folds",
                about="split.parquet",
                success=not failed,
                observed="1 patient",
                offending=["row 3"],
            )
        ],
    ).write(workspace.gate("split"))
    return workspace


def test_a_failed_gate_is_named_and_nothing_is_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = write_run(tmp_path, failed=True)
    assert main(["--root", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "the gate after split failed" in told
    assert "no patient is in two folds" in told
    assert not workspace.mlflow_database.exists()


def test_a_failed_gate_is_in_the_audit_log_and_in_the_latest_decision_and_cannot_be_forced(tmp_path: Path) -> None:
    workspace = write_run(tmp_path, failed=True)
    for arguments in ([], [], ["--force", "--reason", "I know better"], ["--dry-run"]):
        assert main(["--root", str(tmp_path), *arguments]) == 1
    lines = read_log(workspace)
    assert [(line.entry.act, line.entry.what["failed"]) for line in lines] == [("refuse", ["gates"])]
    latest = Latest.read(workspace.decisions / "latest.json")
    assert (latest.promoted, latest.version, latest.failed_clauses) == (False, None, ["gates"])
    assert "no patient is in two folds" in latest.why


def test_a_gate_that_did_not_run_is_named(tmp_path: Path) -> None:
    workspace = write_run(tmp_path)
    workspace.gate("split").unlink()
    with pytest.raises(MedhashError, match="gate after split has left no report"):
        require_gates(workspace)


def test_a_report_about_earlier_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medhash.releases.promotion.gates.stale_stages", lambda root, stages: stages)
    with pytest.raises(MedhashError, match="have changed since gate-split ran"):
        require_gates(write_run(tmp_path))


def test_dvc_tells_which_gates_saw_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    root = tmp_path / "repo"
    root.mkdir()
    write_run(root)
    (root / "patients.txt").write_text("a\n")
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=root, check=True)
    assert stale_stages(root, ["gate-split"]) == []
    (root / "patients.txt").write_text("a\nb\n")
    assert stale_stages(root, ["gate-split"]) == ["gate-split"]


def test_a_folder_that_dvc_does_not_know_is_an_error_not_a_pass(tmp_path: Path) -> None:
    with pytest.raises(MedhashError, match="dvc cannot tell"):
        stale_stages(tmp_path, ["gate-split"])
