"""The DAG is the graph of dvc.yaml, sealed and promoted, and cheap to parse."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from checkout import REPOSITORY, checkout_environment

from medhash.core.graph import read_graph

BROKEN = {
    "cron": ({"schedule": {"cron": "every night"}}, "schedule.cron is 'every night', which is not a cron expression"),
    "watch": ({"schedule": {"watch_cron": "* * *"}}, "schedule.watch_cron is '* * *'"),
    "mail": ({"schedule": {"notify": {"email": "mail", "recipients": []}}}, "schedule.notify.recipients"),
    "key": ({"methodz": ["lsh"]}, "methodz"),
}
"""Name → settings that cannot be kept, and what the import error says."""
OTHER: dict[str, Any] = {
    "methods": ["lsh", "itq", "drh-34"],
    "schedule": {
        "cron": "0 3 * * 6",
        "watch_cron": "",
        "retries": 3,
        "retry_minutes": 2,
        "max_retry_minutes": 5,
        "task_hours": 0.5,
        "run_hours": 2,
        "gpu_slots": 2,
        "notify": {"webhook": "ward", "on": "failure"},
    },
}


def other_checkout(root: Path, **settings: object) -> Path:
    """dvc.yaml with other settings."""
    root.mkdir()
    shutil.copy(REPOSITORY / "dvc.yaml", root)
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    (root / "params.yaml").write_text(yaml.safe_dump({**params, **settings}))
    return root


@pytest.fixture(scope="module")
def described(tmp_path_factory) -> dict[str, Any]:
    """What Airflow makes of this repository and of checkouts with other settings, in one process: imports cost 3 s."""
    base = tmp_path_factory.mktemp("checkouts")
    roots = {"this": REPOSITORY, "other": other_checkout(base / "other", **OTHER)} | {
        name: other_checkout(base / name, **settings) for name, (settings, _) in BROKEN.items()
    }
    environment = {
        **checkout_environment(REPOSITORY),
        "AIRFLOW_HOME": str(base / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    done = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("describe_dags.py")),
            str(REPOSITORY / "dags"),
            *map(str, roots.values()),
        ],
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        cwd=os.sep,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("DESCRIBED ")]
    assert lines, done.stderr
    found = json.loads(lines[0].removeprefix("DESCRIBED "))
    return {"heavy": found["heavy"], **dict(zip(roots, found["checkouts"], strict=True))}


@pytest.fixture
def parsed(described) -> dict[str, Any]:
    return described["this"]


def test_the_dags_import_without_error_and_without_any_heavy_library(described):
    assert described["this"]["errors"] == {}
    assert described["heavy"] == []


def test_tasks_and_edges_are_those_of_the_graph_with_drift_before_training_then_seal_then_promote(parsed):
    expected = {stage.name: sorted(stage.upstream) for stage in read_graph(REPOSITORY)}
    expected["train"] = sorted([*expected["train"], "drift"])
    expected |= {"drift": ["gate-similarity"], "seal": ["report"], "promote": ["seal"], "withdraw": ["promote"]}
    assert {name: task["upstream"] for name, task in parsed["dags"]["hashing_retrain"]["tasks"].items()} == expected


def test_a_matrix_stage_has_one_mapped_task_per_method_or_kind_of_features(parsed):
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    items = {
        name: task["items"]
        for name, task in parsed["dags"]["hashing_retrain"]["tasks"].items()
        if task["items"] is not None
    }
    assert items == {
        stage: [f"{stage}@{value}" for value in params[over]]
        for stage, over in (
            ("features", "features"),
            *((stage, "methods") for stage in ("train", "encode", "index", "evaluate")),
        )
    }


def test_training_and_encoding_wait_for_a_gpu_slot_and_nothing_else_does(parsed):
    tasks = parsed["dags"]["hashing_retrain"]["tasks"]
    assert {name for name, task in tasks.items() if task["pool"] == "gpu"} == {"train", "encode"}


def test_one_run_at_a_time_and_none_for_the_past(parsed):
    dag = parsed["dags"]["hashing_retrain"]
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)


def test_a_run_starts_by_the_clock_and_when_the_archive_changed(parsed):
    assert parsed["dags"]["hashing_retrain"]["schedule"] == {"cron": "0 0 * * 0", "assets": ["medhash-archive"]}
    watch = parsed["dags"]["watch_archive"]
    assert watch["tasks"]["look"]["outlets"] == ["medhash-archive"]
    assert watch["schedule"] == {"cron": "*/30 * * * *", "assets": []}
    assert (watch["catchup"], watch["max_active_runs"]) == (False, 1)


def test_methods_schedule_retries_and_limits_come_from_params(described):
    dags = described["other"]["dags"]
    assert dags.keys() == {"hashing_retrain"}
    dag = dags["hashing_retrain"]
    assert dag["schedule"] == {"cron": "0 3 * * 6", "assets": ["medhash-archive"]}
    assert dag["timeout"] == 2 * 3600
    assert dag["calls"] == ["on_failure_callback"]
    settings = {
        (task["retries"], task["delay"], task["backoff"], task["longest_delay"], task["timeout"])
        for task in dag["tasks"].values()
    }
    assert settings == {(3, 120, 2, 300, 1800)}
    assert dag["tasks"]["train"]["items"] == ["train@lsh", "train@itq", "train@drh-34"]


@pytest.mark.parametrize("name", BROKEN)
def test_settings_that_cannot_be_kept_are_an_import_error_that_names_the_key(described, name):
    assert BROKEN[name][1] in "".join(described[name]["errors"].values())


def test_the_form_takes_what_can_be_asked_and_nothing_else(parsed):
    form = parsed["dags"]["hashing_retrain"]["form"]
    for answers in ({"promotion": "rule"}, {"promotion": "dry-run"}, {"accept_drift": True, "reason": "new scanner"}):
        for name, answer in answers.items():
            jsonschema.validate(answer, form[name])
    for name, answer in (("promotion", "always"), ("accept_drift", "yes"), ("reason", 7), ("by", "x" * 501)):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(answer, form[name])
