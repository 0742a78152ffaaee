"""The gate of ingest over bags and parts: a clean archive passes, a poisoned table is named by its line."""

import shutil

import pyarrow.parquet as pq
import pytest
from ingest.case_archive import SIZE_PX, CaseArchive
from poison import change, resave, set_parameter

from components.quality.gate import check_stage, run_gate
from medhash.core.params import load_params
from medhash.core.workspace import Workspace

PARAMS = f"""\
methods: [lsh]
size_px: {SIZE_PX}
ingest: {{bags: {{by: patient, max_size: 8}}, cut: {{into: grid, grid: 2}}, stain: none}}
"""


@pytest.fixture(scope="module")
def cut_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patch:
        CaseArchive(root, channels=3).ingest(patch, cut={"into": "grid", "grid": 2})
    (root / "params.yaml").write_text(PARAMS)
    return root


@pytest.fixture
def cut(cut_root, tmp_path) -> Workspace:
    return Workspace(shutil.copytree(cut_root, tmp_path / "checkout"))


def test_bags_of_coloured_parts_pass_and_each_says_what_it_is_about(cut):
    report = run_gate("ingest", cut, load_params(cut.root / "params.yaml"))
    assert report.success, [check for check in report.checks if not check.success]
    assert {"bags", "images as they are cut", "parts of images"} <= {check.about for check in report.checks}
    files = {check.observed for check in report.checks if check.about == "archive rows"}
    assert files == {", ".join(["an image: taken"] * 6)}  # of 24 parts
    assert "a bag holds 1 to 8 images" in {check.expectation for check in report.checks}


def failures(workspace: Workspace) -> dict[str, list[str]]:
    """What fails, in words → the offending rows."""
    report, _ = check_stage("ingest", workspace, load_params(workspace.root / "params.yaml"))
    return {check.expectation: check.offending for check in report.checks if not check.success}


def test_each_fault_of_bags_and_parts_fails_by_itself_and_names_its_line(cut):
    rows = pq.read_table(cut.images).to_pylist()
    lines = [f"line {row['source_row']}" for row in rows]
    first = {row["bag_id"]: number for number, row in reversed(list(enumerate(rows)))}
    a, b, c = sorted(first.values())  # the first part of each bag
    last = len(rows) - 1
    change(
        cut.images,
        bag_id={last: rows[b]["bag_id"] if rows[last]["bag_id"] != rows[b]["bag_id"] else rows[c]["bag_id"]},
        patient_id={a: "0" * 16},
        width={b: None},
        region={a: None, b: rows[b]["region"], c: [40, 0, 32, 32]},
    )
    resave(cut.pixels, lambda pixels: pixels[:, :2])
    set_parameter(cut, "max_size: 8", "max_size: 7")
    found = failures(cut)
    assert f"{lines[a]}: 2" in found["the images of a bag are one patient's"]
    assert any(row.endswith(": 9") for row in found["a bag holds 1 to 7 images"])
    assert found["every image is in parts"] == [f"{lines[a]}: whole"]
    assert sorted(row.split(":")[0] for row in found["a part lies within its image"]) == sorted([lines[b], lines[c]])
    assert set(found["the parts of an image are in one bag"]) == {f"{lines[last]}: 2"}
    assert found["1 channel or 3"] == ["pixels.npy: 2"]


def test_where_images_are_cases_a_bag_of_two_or_a_part_fails(workspace):
    ids = pq.read_table(workspace.images)["image_id"].to_pylist()
    patients = pq.read_table(workspace.images)["patient_id"].to_pylist()
    change(workspace.images, bag_id={1: ids[0]}, patient_id={1: patients[0]}, region={5: [0, 0, 9, 9]})
    found = failures(workspace)
    assert found["every image is its own case"] == ["line 2: 2"]
    assert found["every image is whole"] == ["line 7: in parts"]
