"""Every gate passes clean tables, and each kind of poison fails at the expectation meant for it, naming the row."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.documents import GateReport, Metrics
from components.params import load_params
from components.quality.__main__ import main
from components.quality.gate import STAGES, check_stage, run_gate
from components.workspace import Workspace

pytestmark = pytest.mark.xdist_group("gx")             # Great Expectations takes seconds to import: once for all


def gate(workspace: Workspace, stage: str) -> GateReport:
    return run_gate(stage, workspace, load_params(workspace.root / "params.yaml"))


def change(path: Path, **cells: dict[int, object]) -> None:
    """Overwrite cells of a Parquet table: column → {row: value}."""
    table = pq.read_table(path)
    for name, values in cells.items():
        column = table[name].to_pylist()
        for row, value in values.items():
            column[row] = value
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(column, table.schema.field(name).type))
    pq.write_table(table, path)


def take(path: Path, rows: list[int]) -> None:
    pq.write_table(pq.read_table(path).take(rows), path)


def add_column(path: Path, name: str, value: str) -> None:
    table = pq.read_table(path)
    pq.write_table(table.append_column(name, pa.array([value] * table.num_rows)), path)


def refuse(path: Path, n: int) -> None:
    pq.write_table(pa.table({"source_row": range(500, 500 + n), "image_id": [None] * n, "reason": ["truncated"] * n,
                             "detail": ["cut off"] * n}, schema=pq.read_schema(path)), path)


def change_array(path: Path, index: object, value: object) -> None:
    array = np.load(path)
    array[index] = value
    np.save(path, array)


def resave(path: Path, function) -> None:
    np.save(path, function(np.load(path)))


def edit_json(path: Path, function) -> None:
    document = json.loads(path.read_text())
    function(document)
    path.write_text(json.dumps(document))


def set_parameter(workspace: Workspace, old: str, new: str) -> None:
    path = workspace.root / "params.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def flip_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def rewrite_codes(w: Workspace, function) -> None:
    """Replace the packed codes, uint8 (images, 2), in place."""
    table = pq.read_table(w.codes("lsh"))
    codes = np.frombuffer(b"".join(table["code"].to_pylist()), np.uint8).reshape(-1, 2).copy()
    function(codes)
    column = pa.array([row.tobytes() for row in codes], pa.binary(2))
    pq.write_table(table.set_column(2, table.schema.field("code"), column), w.codes("lsh"))


def kill_bits(codes: np.ndarray) -> None:
    codes[:, 0] = 0


def lower_map(document: dict) -> None:
    document["figures"].update(map=0.1, map_worst_ties=0.05, map_best_ties=0.15)
    document["intervals"]["map"] = {"value": 0.1, "low": 0.05, "high": 0.15}


def patient(number: int) -> str:
    return f"{10_000 + number:016x}"


POISONS = [
    ("ingest", "image ids are unique", "line 2", lambda w: change(w.images, image_id={0: f"{1:016x}"})),
    ("ingest", "none that could identify", "column patient_name",
     lambda w: add_column(w.images, "patient_name", "DOE")),
    ("ingest", "patient_id is a pseudonym", "line 7: ????????", lambda w: change(w.images, patient_id={5: "JOHN DOE"})),
    ("ingest", "view is", "line 4: another value", lambda w: change(w.images, view={2: "JOHN"})),
    ("ingest", "modality is", "line 4: another value", lambda w: change(w.images, modality={2: "photo"})),
    ("ingest", "sex is", "line 3: another value", lambda w: change(w.images, sex={1: "DOE"})),
    ("ingest", "age is", "line 2: 131", lambda w: change(w.images, age={0: 131})),
    ("ingest", "of the rows are refused", "line 501: truncated", lambda w: refuse(w.rejected, 3)),
    ("ingest", "every row has its pixels", "line 5: -1", lambda w: change(w.images, pixel_row={3: None})),
    ("ingest", "every row has its pixels", "line 5: 120", lambda w: change(w.images, pixel_row={3: 120})),
    ("ingest", "no two rows share", "line 9: 8", lambda w: change(w.images, pixel_row={7: 8})),
    ("ingest", "as many images as rows", "pixels.npy: 119", lambda w: resave(w.pixels, lambda pixels: pixels[:-1])),
    ("ingest", "px square", "pixels.npy: 16x8", lambda w: resave(w.pixels, lambda pixels: pixels[..., :8])),
    ("ingest", "8 bits", "pixels.npy: uint16", lambda w: resave(w.pixels, lambda pixels: pixels.astype(np.uint16))),
    ("ingest", "of one gray", "line 12", lambda w: change_array(w.pixels, slice(10, 13), 0)),
    ("ingest", "SHA-256", "line 2: hhhh", lambda w: change(w.images, sha256={0: "beef"})),
    ("split", "no patient stands in two folds", f"patient {patient(0)}: 2",
     lambda w: change(w.split, fold={0: "test"})),
    ("split", "placed exactly once", f"image {3:016x}: 0", lambda w: take(w.split, [n for n in range(120) if n != 3])),
    ("split", "placed exactly once", f"image {3:016x}: 2", lambda w: take(w.split, [*range(120), 3])),
    ("split", "every placed image was ingested", f"image {3:016x}",
     lambda w: take(w.images, [n for n in range(120) if n != 3])),
    ("split", "the patient is the one ingest gave", f"image {3:016x}",
     lambda w: change(w.split, patient_id={3: patient(1)})),
    ("split", "train, val or test", f"image {3:016x}: dev", lambda w: change(w.split, fold={3: "dev"})),
    ("split", "every fold that is asked for", "val (0 patients", lambda w: change(
        w.split, fold=dict.fromkeys(range(72, 96), "train"))),
    ("split", "each fold's share", "test (6 patients, 20.0%)", lambda w: set_parameter(
        w, "strategy: official", "strategy: hash, test_share: 0.5")),
    ("labels", "is a class of params.yaml", "Mass", lambda w: set_parameter(w, "[Effusion, Mass]", "[Effusion]")),
    ("labels", "labels of the vocabulary", "set 1", lambda w: change(w.label_sets, labels={1: [9]})),
    ("labels", "no set stands there twice", "set 2: 1", lambda w: change(w.label_sets, labels={2: [1]})),
    ("labels", "are sorted", "set 3", lambda w: change(w.label_sets, labels={3: [1, 0]})),
    ("labels", "never stands beside a finding", "set 3", lambda w: change(w.label_sets, labels={3: [0, 2]})),
    ("labels", "number of images is right", "set 0", lambda w: change(w.label_sets, n_images={0: 7})),
    ("labels", "known one", f"image {4:016x}: 9", lambda w: change(w.labels, set_id={4: 9})),
    ("labels", "every image has one label set", f"image {4:016x}", lambda w: take(w.labels, [*range(120), 4])),
    ("labels", "every class has at least", "No Finding in test: 0", lambda w: change(
        w.labels, set_id=dict.fromkeys(range(98, 120, 4), 0))),
    ("labels", "vocabulary's counts", "Mass in test", lambda w: edit_json(
        w.vocabulary, lambda document: document["n_images"]["Mass"].update(test=1))),
    ("labels", "have no label", "all folds: 0.75", lambda w: change(w.label_sets, labels={0: [], 1: [], 3: []})),
    ("similarity", "every ordered pair", "set 1: 1", lambda w: take(
        w.similarity, [n for n in range(16) if n != 4])),
    ("similarity", "every ordered pair", "set 1: 1", lambda w: take(w.similarity, [*range(16), 4])),
    ("similarity", "symmetric", "set 3: 1", lambda w: change(w.similarity, level={3: 2})),
    ("similarity", "only where the sets are disjoint", "set 0: 1", lambda w: change(w.similarity, level={3: 0})),
    ("similarity", "level with itself", "set 2: 1", lambda w: change(w.similarity, level={10: 2})),
    ("similarity", "Jaccard", "set 0: 1", lambda w: change(w.similarity, jaccard={0: 1.5})),
    ("similarity", "only known sets", "all rows: 1", lambda w: change(w.similarity, set_a={0: 77})),
    ("features", "every value is finite", "row 17", lambda w: change_array(w.gist, (17, 3), np.nan)),
    ("features", "as many rows as images", "gist.npy: 100", lambda w: resave(w.gist, lambda gist: gist[:100])),
    ("features", "values a row", "gist.npy: 500", lambda w: resave(w.gist, lambda gist: gist[:, :500])),
    ("train", "files are whole", "lsh model: data/derived/models/lsh/weights.safetensors is not the file",
     lambda w: flip_byte(w.model("lsh") / "weights.safetensors")),
    ("train", "bits of params.yaml", "lsh model: 16", lambda w: set_parameter(w, "bits: 16", "bits: 32")),
    ("train", "of this method", "lsh model: itq", lambda w: edit_json(
        w.model("lsh") / "model.json", lambda document: document.update(method="itq"))),
    ("train", "are finite", "lsh epoch 2", lambda w: edit_json(
        w.model("lsh") / "history.json", lambda document: document["epochs"][1].update(loss=float("nan")))),
    ("train", "collapsed", "lsh epoch 2: 1", lambda w: edit_json(
        w.model("lsh") / "history.json", lambda document: document["epochs"][1].update(distinct_codes=1))),
    ("encode", "bits of params.yaml", "lsh codes: 16", lambda w: set_parameter(w, "bits: 16", "bits: 24")),
    ("encode", "every labelled image has one code", f"image {5:016x}: 0",
     lambda w: take(w.codes("lsh"), [n for n in range(120) if n != 5])),
    ("encode", "every code is of a labelled image", f"image {5:016x}",
     lambda w: take(w.labels, [n for n in range(120) if n != 5])),
    ("encode", "the fold is that of the labels", f"image {5:016x}",
     lambda w: change(w.codes("lsh"), fold={5: "val"})),
    ("encode", "model in the model folder", "lsh codes: another model", lambda w: edit_json(
        w.model("lsh") / "model.json", lambda document: document.update(data_digest="1" * 64))),
    ("encode", "of the bits are dead", "lsh bit 7: 0.5", lambda w: rewrite_codes(w, kill_bits)),
    ("encode", "codes are distinct", "lsh codes: 0.008", lambda w: rewrite_codes(w, lambda codes: codes.fill(85))),
    ("index", "files are whole", "lsh index: data/derived/index/lsh/codes.faiss",
     lambda w: take(w.index("lsh") / "entries.parquet", list(range(90)))),
    ("index", "bits of params.yaml", "lsh index: 16", lambda w: set_parameter(w, "bits: 16", "bits: 24")),
    ("index", "as many entries as gallery codes", "lsh index: 96", lambda w: take(
        w.codes("lsh"), [n for n in range(120) if n != 5])),
    ("index", "an image of the gallery, once", f"image {5:016x}: not in the gallery", lambda w: take(
        w.codes("lsh"), [n for n in range(120) if n != 5])),
    ("index", "the code at its position", f"image {0:016x}", lambda w: take(
        w.index("lsh") / "entries.parquet", [1, 0, *range(2, 96)])),
    ("index", "distance 0", f"image {6:016x}: ", lambda w: rewrite_codes(w, lambda codes: codes[6].__ixor__(255))),
    ("evaluate", "above chance", "lsh MAP 0.1000 [0.0500, 0.1500], chance 0.5", lambda w: edit_json(
        w.metrics("lsh") / "metrics.json", lower_map)),
    ("evaluate", "in its range", "lsh ndcg_at_100 1.2", lambda w: edit_json(
        w.metrics("lsh") / "metrics.json", lambda document: document["figures"].update(ndcg_at_100=1.2))),
    ("evaluate", "intervals contain", "lsh precision_h2", lambda w: edit_json(
        w.metrics("lsh") / "metrics.json", lambda document: document["intervals"]["precision_h2"].update(high=0.0))),
    ("evaluate", "tie order", "lsh map_worst_ties", lambda w: edit_json(
        w.metrics("lsh") / "metrics.json", lambda document: document["figures"].update(map_worst_ties=0.99))),
    ("evaluate", "every query has a row", "lsh MAP", lambda w: take(
        w.metrics("lsh") / "queries.parquet", list(range(20)))),
]


@pytest.mark.parametrize("stage", STAGES)
def test_clean_tables_pass(workspace, stage):
    report = gate(workspace, stage)
    assert report.success, [check for check in report.checks if not check.success]
    assert not any(check.offending for check in report.checks)
    assert GateReport.read(workspace.gate(stage)) == report


@pytest.mark.parametrize(("stage", "words", "row", "poison"), POISONS,
                         ids=[f"{stage}-{words}-{number}" for number, (stage, words, _, _) in enumerate(POISONS)])
def test_a_poisoned_table_fails_and_names_the_row(workspace, stage, words, row, poison):
    poison(workspace)
    report, _ = check_stage(stage, workspace, load_params(workspace.root / "params.yaml"))
    failed = [check for check in report.checks if words in check.expectation and not check.success]
    assert len(failed) == 1, [check for check in report.checks if not check.success]
    assert any(named.startswith(row) for named in failed[0].offending), failed[0]
    assert not report.success


def digests(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_command_fails_with_the_row_named_and_touches_nothing_but_report_and_docs(workspace, capsys):
    change(workspace.split, fold=dict.fromkeys(range(72), "test"))
    change(workspace.split, fold=dict.fromkeys(range(0, 72, 4), "train"))
    before = digests(workspace.root)
    assert main(["split", "--root", str(workspace.root)]) == 1
    printed = capsys.readouterr()
    assert "✗ split patients" in printed.out
    assert "✓ split images" in printed.out
    assert "no patient stands in two folds" in printed.err
    assert printed.err.count("\n    patient ") == 18
    after = digests(workspace.root)
    assert {path: after[path] for path in before} == before
    assert {path for path in after if path not in before} == {
        "data/derived/gates/split.json", "reports/data_docs/index.html", "reports/data_docs/split/01-split images.html",
        "reports/data_docs/split/02-split patients.html", "reports/data_docs/split/03-split folds.html"}
    assert not GateReport.read(workspace.gate("split")).success


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
    change(workspace.images, pixel_row=dict.fromkeys(range(120)), sha256=dict.fromkeys(range(120)),
           age=dict.fromkeys(range(120)))
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
    assert "within its interval of chance" in next(check for check in report.checks if "above chance" in
                                                   check.expectation).observed


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
    broken = Inspection("table", pd.DataFrame({"row": ["a"]}), {
        "holds": gxe.ExpectColumnValuesToBeUnique(column="no such column")})
    with pytest.raises(RuntimeError, match="no such column"):
        checks_of(broken, validate([broken])[0])
