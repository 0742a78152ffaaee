"""A gate passes clean tables, leaves a report and Data Docs, touches nothing else and gives nothing away."""

import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest
from poison import change, edit_json, flip_byte, set_parameter

from components.quality import STAGES
from components.quality.__main__ import main
from components.quality.gate import run_gate
from medhash.core.documents import GateReport, Metrics
from medhash.core.params import load_params
from medhash.core.workspace import Workspace


def gate(workspace: Workspace, stage: str) -> GateReport:
    return run_gate(stage, workspace, load_params(workspace.root / "params.yaml"))


@pytest.mark.parametrize("stage", STAGES)
def test_clean_tables_pass(workspace, stage):
    report = gate(workspace, stage)
    assert report.success, [check for check in report.checks if not check.success]
    assert not any(check.offending for check in report.checks)
    assert GateReport.read(workspace.gate(stage)) == report


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_command_fails_with_the_row_named_and_touches_nothing_but_report_and_docs(workspace, capsys):
    change(workspace.split, fold=dict.fromkeys(range(72), "test"))
    change(workspace.split, fold=dict.fromkeys(range(0, 72, 4), "train"))
    before = digests(workspace.root)
    assert main(["split", "--root", str(workspace.root)]) == 1
    printed = capsys.readouterr()
    assert "✗ split patients" in printed.out
    assert "✓ split images" in printed.out
    assert "no patient is in two folds" in printed.err
    assert printed.err.count("\n    patient ") == 18
    after = digests(workspace.root)
    assert {path: after[path] for path in before} == before
    assert {path for path in after if path not in before} == {
        "data/derived/gates/split.json",
        "reports/data_docs/index.html",
        "reports/data_docs/split/01-split images.html",
        "reports/data_docs/split/02-split patients.html",
        "reports/data_docs/split/03-split folds.html",
        "reports/data_docs/split/summary.json",
    }
    assert not GateReport.read(workspace.gate("split")).success
    page = (workspace.data_docs / "split" / "02-split patients.html").read_text()
    assert "Failed" in page
    assert re.findall(r"""<(?:script|link|img)[^>]*["'](?:https?:)?//""", page) == [], "a page fetches from elsewhere"


def test_the_index_of_the_docs_tells_the_result_and_the_counts_of_every_gate(workspace):
    change(workspace.split, fold=dict.fromkeys(range(72), "test"))
    change(workspace.split, fold=dict.fromkeys(range(0, 72, 4), "train"))
    reports = [gate(workspace, stage) for stage in ("labels", "split")]
    index = (workspace.data_docs / "index.html").read_text()
    assert "1 of 2 gates failed" in index
    assert index.index("<th>split</th>") < index.index("<th>labels</th>")  # in the pipeline's order
    for report in reports:
        n_passed = sum(check.success for check in report.checks)
        n_failed = len(report.checks) - n_passed
        told = f"{n_passed} passed, {n_failed} failed" if n_failed else f"{n_passed} passed"
        result = "failed" if n_failed else "passed"
        assert f"<th>{report.stage}</th><td class='{result}'>{result}</td><td>{told}</td>" in index
    pages = re.findall(r"href='([^']+)'", index)
    assert len(pages) > 3
    assert all((workspace.data_docs / page).exists() for page in pages)


def test_at_most_twenty_rows_are_named(workspace):
    change(workspace.split, fold=dict.fromkeys(range(120), "dev"))
    checks = gate(workspace, "split").checks
    assert {len(check.offending) for check in checks if check.expectation == "the fold is train, val or test"} == {20}


def test_two_runs_leave_the_same_report_bytes_without_a_path_of_the_machine(workspace):
    flip_byte(workspace.model("lsh") / "weights.safetensors")
    gate(workspace, "train")
    first = workspace.gate("train").read_bytes()
    gate(workspace, "train")
    assert workspace.gate("train").read_bytes() == first
    assert str(workspace.root) not in first.decode()


def test_no_old_report_is_left_where_the_gate_cannot_run(workspace, capsys):
    gate(workspace, "split")
    workspace.split.unlink()
    assert main(["split", "--root", str(workspace.root)]) == 1
    assert "run the stage that writes it" in capsys.readouterr().err
    assert not workspace.gate("split").exists()


def test_a_name_in_the_wrong_column_reaches_neither_report_nor_docs(workspace):
    change(workspace.images, sex={1: "Doe"}, view={2: "Doe^John"}, patient_id={3: "Doe^John"}, sha256={4: "Doe^John"})
    assert not gate(workspace, "ingest").success
    written = [path for path in workspace.root.rglob("*") if path.suffix in (".json", ".html")]
    assert len(written) > 5
    assert not any("Doe" in path.read_text() for path in written)


def test_metadata_without_pixels_passes_where_params_say_so(workspace):
    change(
        workspace.images,
        pixel_row=dict.fromkeys(range(120)),
        sha256=dict.fromkeys(range(120)),
        age=dict.fromkeys(range(120)),
    )
    workspace.pixels.unlink()
    set_parameter(workspace, "methods", "ingest: {metadata_only: true}\nmethods")
    assert gate(workspace, "ingest").success


def test_a_map_that_chance_explains_passes_and_the_report_says_so(workspace):
    path = workspace.metrics("lsh") / "metrics.json"
    chance = Metrics.read(path).chance.map

    def weaken(document: dict) -> None:
        document["figures"].update(map=chance - 0.01, map_worst_ties=0.0, map_best_ties=1.0)
        document["intervals"]["map"] = {"value": chance - 0.01, "low": chance - 0.05, "high": chance + 0.03}

    edit_json(path, weaken)
    report = gate(workspace, "evaluate")
    assert report.success
    assert (
        "within its interval of chance"
        in next(check for check in report.checks if "above chance" in check.expectation).observed
    )


def test_the_failing_method_of_several_is_the_one_named(workspace):
    set_parameter(workspace, "[lsh]", "[lsh, itq]")
    folder = workspace.model("itq")
    folder.mkdir()
    for path in workspace.model("lsh").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    edit_json(folder / "model.json", lambda document: document.update(method="itq"))
    assert gate(workspace, "train").success
    flip_byte(folder / "weights.safetensors")
    assert {check.about for check in gate(workspace, "train").checks if not check.success} == {"itq"}


def test_an_inspection_with_nulls_is_refused_because_expectations_pass_over_them():
    from components.quality.inspection import Inspection

    with pytest.raises(ValueError, match="hold nulls"):
        Inspection("table", pd.DataFrame({"row": ["a"], "value": [None]}), {})


def test_an_expectation_that_cannot_be_evaluated_is_no_verdict_about_the_data():
    import great_expectations.expectations as gxe

    from components.quality.inspection import Inspection
    from components.quality.validation import checks_of, validate

    broken = Inspection(
        "table", pd.DataFrame({"row": ["a"]}), {"holds": gxe.ExpectColumnValuesToBeUnique(column="no such column")}
    )
    with pytest.raises(RuntimeError, match="no such column"):
        checks_of(broken, validate([broken])[0])
