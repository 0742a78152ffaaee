"""The stage plan: a file per item of dvc.yaml, touched only where its content changes."""

import json

from checkout import REPOSITORY

from components.plan.__main__ import main
from medhash.core.graph import PLAN, read_graph
from medhash.core.params import load_params
from medhash.core.workspace import Workspace


def planned(tmp_path, settings: str, capsys) -> str:
    (tmp_path / "params.yaml").write_text(settings)
    assert main(["--root", str(tmp_path)]) == 0
    return capsys.readouterr().out


def test_every_item_of_the_graph_has_a_file_and_no_other_is_left(tmp_path, capsys):
    workspace = Workspace(tmp_path)
    planned(tmp_path, (REPOSITORY / "params.yaml").read_text(), capsys)
    items = {item for stage in read_graph(REPOSITORY) if stage.name != PLAN for item in stage.items}
    assert set(workspace.plan("any").parent.rglob("*.json")) == {workspace.plan(item) for item in items}
    document = json.loads(workspace.plan("train@itq").read_text())
    assert document["settings"]["bits"] == load_params(REPOSITORY / "params.yaml").bits
    assert planned(tmp_path, "methods: [lsh]\n", capsys).startswith("19 items, ")
    assert not workspace.plan("train@itq").exists()


def test_only_files_that_change_are_touched(tmp_path, capsys):
    workspace = Workspace(tmp_path)
    assert "19 items, 19 with other code or settings" in planned(tmp_path, "methods: [lsh]\n", capsys)
    before = {path: path.stat().st_mtime_ns for path in workspace.derived.rglob("*.json")}
    assert planned(tmp_path, "methods: [lsh]\n# A remark.\nseed: 7\n", capsys) == (
        "19 items, 0 with other code or settings\n"
    )
    said = planned(tmp_path, "methods: [lsh]\nquality: {max_dead_bit_share: 0.5}\n", capsys)
    assert said == "19 items, 1 with other code or settings: gate-encode\n"
    after = {path: path.stat().st_mtime_ns for path in workspace.derived.rglob("*.json")}
    assert {path for path in after if after[path] != before[path]} == {workspace.plan("gate-encode")}


def test_an_unknown_method_and_a_wrong_override_are_named_before_anything_runs(tmp_path, capsys):
    for settings, says in (
        ("methods: [lhs]\n", "there is no hashing method 'lhs'"),
        ("methods: [osdh]\ntrain: {overrides: {osdh: {margins: 1}}}\n", "osdh has no setting 'margins'"),
    ):
        (tmp_path / "params.yaml").write_text(settings)
        assert main(["--root", str(tmp_path)]) == 1
        assert says in capsys.readouterr().err
