"""Passes: what says that an item passed its gate, and changes for nobody else."""

import json

import numpy as np
import pytest

from components.quality import gate, passes
from medhash.core.documents import Check, GateReport
from medhash.core.params import Params
from medhash.core.workspace import Workspace

PARAMS = Params(methods=["lsh", "itq-1024", "osdh"], features=["gist-512", "gist-1024"])


def given(workspace: Workspace, stage: str, params: Params = PARAMS) -> dict[str, str]:
    passes.withdraw(workspace, stage)
    passes.give(workspace, stage, params)
    folder = workspace.derived / "passed"
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.json")}


def test_a_plain_stage_has_one_pass_and_a_stage_of_methods_one_for_each(tmp_path):
    plain = given(Workspace(tmp_path / "a"), "split")
    assert {name: json.loads(text) for name, text in plain.items()} == {"split.json": {"passed": "split"}}
    before = given(Workspace(tmp_path / "b"), "train")
    assert set(before) == {"train/lsh.json", "train/itq-1024.json", "train/osdh.json"}
    fewer = given(Workspace(tmp_path / "b"), "train", Params(methods=["osdh", "dsh"]))
    assert set(fewer) == {"train/osdh.json", "train/dsh.json"}
    assert fewer["train/osdh.json"] == before["train/osdh.json"]


def test_a_pass_of_features_changes_for_the_methods_that_read_them(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.features("gist-512").parent.mkdir(parents=True)
    np.save(workspace.features("gist-512"), np.zeros((2, 512), np.float32))
    first = given(workspace, "features")
    assert json.loads(first["features/osdh.json"])["reads"] == {}
    np.save(workspace.features("gist-1024"), np.zeros((2, 1024), np.float32))
    second = given(workspace, "features")
    np.save(workspace.features("gist-512"), np.ones((2, 512), np.float32))
    third = given(workspace, "features")
    assert {name for name in first if first[name] != second[name]} == {"features/itq-1024.json"}
    assert {name for name in first if second[name] != third[name]} == {"features/lsh.json"}


@pytest.mark.parametrize("success", [True, False])
def test_only_a_gate_that_held_leaves_passes(tmp_path, monkeypatch, success):
    workspace = Workspace(tmp_path)
    given(workspace, "train")
    check = Check(expectation="it holds", about="models", success=success, observed="1 row", offending=[])
    report = GateReport(stage="train", success=success, checks=[check])
    monkeypatch.setattr(gate, "check_stage", lambda *arguments: (report, []))
    gate.run_gate("train", workspace, PARAMS)
    assert workspace.passed("train@lsh").exists() is success
    assert GateReport.read(workspace.gate("train")) == report
