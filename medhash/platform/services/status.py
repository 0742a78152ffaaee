"""The health of the services of a checkout, its last run and its champion."""

import time
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

import requests

from medhash.core.params import load_params
from medhash.core.workspace import Workspace
from medhash.platform.airflow.home import DAG_ID
from medhash.platform.airflow.rest import AirflowApi
from medhash.platform.services import supervisord
from medhash.platform.services.local_services import local_services
from medhash.platform.services.ports import HOST
from medhash.platform.services.process_tags import tagged
from medhash.platform.services.service import Service, n_restarts
from medhash.platform.services.state import State, acquire, last_state, runs_here
from medhash.releases.hold import HOLD, Hold
from medhash.releases.registry import CHAMPION

_SECONDS = 10.0
_STARTING_SECONDS = 60.0


def status(root: Path) -> tuple[str, bool]:
    """The text for people, and whether all services are healthy."""
    workspace = Workspace(root)
    state = last_state(workspace)
    lock = acquire(workspace)
    if lock is not None:
        with lock:
            return _not_running(root, state), False
    if state is None:
        return "the services are being started by another command", False
    lines = [f"{state.phase}, {state.holder()}", ""]
    if not runs_here(state):
        return "\n".join([*lines, f"they run on another machine: ask there, on {state.host}"]), False
    rows = [_service_row(root, one) for one in local_services(root, state.airflow_port, state.mlflow_port)]
    lines.append(f"{'service':<23}{'state':<12}{'process':<9}{'port':<7}{'up for':<10}{'restarts':<10}log")
    lines += [row for row, _ in rows] + [""]
    lines += [f"{name:<13}{text}" for name, text in (*_last_run(state), *_champion(root, state))]
    return "\n".join(lines), state.phase == "running" and all(healthy for _, healthy in rows)


def _not_running(root: Path, state: State | None) -> str:
    """Nobody holds the lock: the reason, as far as it is known."""
    if state is None:
        return "not running: medhash up starts the services"
    if state.phase == "failed":
        return f"not running: the last start failed: {state.problem}\n  fix: {state.fix}"
    return (
        f"not running: supervisord, {state.holder()}, was killed or its machine went down; {len(tagged(root))} of its "
        "processes are left\n"
        "  fix: run medhash up, which ends them and starts the services, or medhash down, which only ends them"
    )


def _service_row(root: Path, service: Service) -> tuple[str, bool]:
    """A row of the table, and whether the service is healthy."""
    try:
        info = supervisord.connect(root).getProcessInfo(service.name)
    except (OSError, Fault):
        info = {"statename": "UNKNOWN", "pid": 0, "start": 0}
    seconds = time.time() - info["start"]
    state = _state_of(service, info, seconds)
    up = _duration(seconds) if info["pid"] else "-"
    return (
        f"{service.name:<23}{state:<12}{info['pid'] or '-':<9}{service.port or '-':<7}{up:<10}"
        f"{n_restarts(root, service.name):<10}var/logs/{service.name}.log",
        state == "healthy",
    )


def _state_of(service: Service, info: dict[str, Any], seconds: float) -> str:
    if info["statename"] in ("FATAL", "STOPPED"):
        return "gave up"
    if info["statename"] not in supervisord.RUNNING:
        return "unknown" if info["statename"] == "UNKNOWN" else "down"
    healthy = service.health(info["start"])
    if not healthy and seconds < _STARTING_SECONDS:
        return "starting"
    return {True: "healthy", False: "unhealthy", None: "unknown"}[healthy]


def _duration(seconds: float) -> str:
    minutes = int(seconds) // 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes < 2880 else f"{minutes // 1440} days"


def _last_run(state: State) -> list[tuple[str, str]]:
    """The DAG and its last run, if Airflow answers."""
    try:
        api = AirflowApi(f"http://{HOST}:{state.airflow_port}")
        dag = api.get(f"dags/{DAG_ID}")
        runs = api.get(f"dags/{DAG_ID}/dagRuns?order_by=-run_after&limit=1")["dag_runs"]
        on = (
            f"{DAG_ID} is paused: un-pause it on its page, and it runs by its schedule"
            if dag["is_paused"]
            else f"{DAG_ID} is on; next run {dag['next_dagrun_run_after'] or 'unknown'}"
        )
        last = [
            f"{run['state']}: {run['dag_run_id']}, from {run['start_date'] or '-'} to {run['end_date'] or '-'}"
            for run in runs
        ]
        return [("DAG", on), ("last run", last[0] if last else "none yet")]
    except (requests.RequestException, KeyError) as error:
        return [("DAG", f"not known: Airflow does not answer ({error})")]


def _champion(root: Path, state: State) -> list[tuple[str, str]]:
    """The champion and a hold, if MLflow answers. Its client would take seconds to import."""
    name = load_params(root / "params.yaml").promote.name
    address = f"http://{HOST}:{state.mlflow_port}/api/2.0/mlflow/registered-models/get"
    try:
        answer = requests.get(address, params={"name": name}, timeout=_SECONDS)
        if answer.status_code == 404:
            return [("champion", f"none yet ({name})")]
        answer.raise_for_status()
        model = answer.json()["registered_model"]
        versions = {one["alias"]: one["version"] for one in model.get("aliases", [])}
        tags = {one["key"]: one["value"] for one in model.get("tags", [])}
    except (requests.RequestException, KeyError) as error:
        return [("champion", f"not known: MLflow does not answer ({error})")]
    champion = f"version {versions[CHAMPION]} of {name}" if CHAMPION in versions else f"none yet ({name})"
    hold = [("hold", str(Hold.of_tag(HOLD, tags[HOLD])))] if HOLD in tags else []
    return [("champion", champion), *hold]
