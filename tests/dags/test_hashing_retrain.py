"""The DAG is the graph of dvc.yaml, sealed and promoted, and cheap to parse."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkout import REPOSITORY, checkout_environment

from components.graph import read_graph


def describe(root: Path, home: Path) -> dict[str, Any]:
    environment = {**checkout_environment(REPOSITORY), "AIRFLOW_HOME": str(home), "MEDHASH_ROOT": str(root),
                   "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    program = Path(__file__).with_name("describe_dags.py")
    done = subprocess.run([sys.executable, str(program), str(REPOSITORY / "dags")], env=environment, text=True,
                          capture_output=True, check=False, cwd=os.sep)
    lines = [line for line in done.stdout.splitlines() if line.startswith("DESCRIBED ")]
    assert lines, done.stderr
    return json.loads(lines[0].removeprefix("DESCRIBED "))


def other_checkout(root: Path, **settings: object) -> Path:
    """dvc.yaml with other settings."""
    shutil.copy(REPOSITORY / "dvc.yaml", root)
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    (root / "params.yaml").write_text(yaml.safe_dump({**params, **settings}))
    return root


@pytest.fixture(scope="module")
def parsed(tmp_path_factory) -> dict[str, Any]:
    return describe(REPOSITORY, tmp_path_factory.mktemp("airflow"))


def test_the_dag_imports_without_error_and_without_any_heavy_library(parsed):
    assert parsed["errors"] == {}
    assert parsed["heavy"] == []


def test_tasks_and_edges_are_those_of_the_graph_then_seal_then_promote(parsed):
    graph = read_graph(REPOSITORY)
    expected = {stage.name: sorted(stage.upstream) for stage in graph} | {"seal": ["report"], "promote": ["seal"]}
    assert {name: task["upstream"] for name, task in parsed["dags"]["hashing_retrain"]["tasks"].items()} == expected


def test_a_matrix_stage_has_one_mapped_task_per_method_or_kind_of_features(parsed):
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    items = {name: task["items"] for name, task in parsed["dags"]["hashing_retrain"]["tasks"].items()
             if task["items"] is not None}
    assert items == {stage: [f"{stage}@{value}" for value in params[over]] for stage, over in (
        ("features", "features"), *((stage, "methods") for stage in ("train", "encode", "index", "evaluate")))}


def test_training_and_encoding_wait_for_a_gpu_slot_and_nothing_else_does(parsed):
    tasks = parsed["dags"]["hashing_retrain"]["tasks"]
    assert {name for name, task in tasks.items() if task["pool"] == "gpu"} == {"train", "encode"}


def test_one_run_at_a_time_and_none_for_the_past(parsed):
    dag = parsed["dags"]["hashing_retrain"]
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)


def test_methods_schedule_and_retries_come_from_params(tmp_path):
    root = other_checkout(tmp_path, methods=["lsh", "itq", "drh-34"], schedule={"cron": "@daily", "retries": 3,
                                                                                "gpu_slots": 2})
    dag = describe(root, tmp_path / "airflow")["dags"]["hashing_retrain"]
    assert dag["schedule"] == "@daily"
    assert {task["retries"] for task in dag["tasks"].values()} == {3}
    assert dag["tasks"]["train"]["items"] == ["train@lsh", "train@itq", "train@drh-34"]


def test_a_broken_params_file_is_an_import_error_that_names_the_key(tmp_path):
    errors = describe(other_checkout(tmp_path, methodz=["lsh"]), tmp_path / "airflow")["errors"]
    assert "methodz" in "".join(errors.values())
