"""Say of each service whether it is healthy, and of the retraining how its last run ended and who the champion is.

Exit code 0 if all services are healthy, else 1.
"""

import argparse
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medhash.core.command import reports_errors
from medhash.core.workspace import Workspace

if TYPE_CHECKING:
    from medhash.platform.services.state import ServiceState, State


_SECONDS = 10.0


def ask_airflow(address: str, *paths: str) -> list[Any]:
    """The documents at these paths below /api/v2. Raises OSError if it does not answer, or not with a document."""
    token = _document(urllib.request.Request(f"{address}/auth/token"))["access_token"]
    return [
        _document(urllib.request.Request(f"{address}/api/v2{path}", headers={"Authorization": f"Bearer {token}"}))
        for path in paths
    ]


def registered_model(address: str, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Aliases (alias → version) and tags of a model registered with MLflow; empty if there is none of that name.

    Raises OSError if it does not answer.
    """
    query = urllib.parse.urlencode({"name": name})
    try:
        found = _document(urllib.request.Request(f"{address}/api/2.0/mlflow/registered-models/get?{query}"))
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return {}, {}
    model = found["registered_model"]
    return (
        {one["alias"]: str(one["version"]) for one in model.get("aliases", [])},
        {one["key"]: one["value"] for one in model.get("tags", [])},
    )


def _document(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:
        return json.load(response)


_STARTING_SECONDS = 60.0


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="medhash status", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("."), help="the checkout to work in (default: this folder)")
    root = parser.parse_args(argv).root.resolve()
    from medhash.platform.services.state import acquire, last_state, watches_here

    workspace = Workspace(root)
    state = last_state(workspace)
    lock = acquire(workspace)
    if lock is not None:
        with lock:
            print(_not_running(root, state))
        return 1
    if state is None:
        print("the services are being started by another command")
        return 1
    print(f"{state.phase}, {state.holder()}\n")
    if not watches_here(state):
        print(f"they run on another machine: ask there, on {state.host}")
        return 1
    lines = [_service_line(service, root) for service in state.services]
    print(
        "\n".join(
            [
                f"{'service':<23}{'state':<12}{'process':<9}{'port':<7}{'up for':<10}{'restarts':<10}log",
                *(line for line, _ in lines),
            ]
        )
    )
    healthy = state.phase == "running" and all(well for _, well in lines)
    print()
    print("\n".join(f"{name:<13}{text}" for name, text in _retraining(root, state)))
    return 0 if healthy else 1


def _not_running(root: Path, state: "State | None") -> str:
    """Nobody watches: what is known of why."""
    from medhash.platform.services.ports import marked

    if state is None:
        return "not running: medhash up starts the services"
    if state.phase == "failed":
        return f"not running: the last start failed: {state.problem}\n  fix: {state.fix}"
    left = len(marked(root))
    return (
        f"not running: the watcher, {state.holder()}, was killed or its machine went down, and {left} processes of "
        "it are left\n  fix: medhash up clears that and starts the services; medhash down only clears it"
    )


def _service_line(service: "ServiceState", root: Path) -> tuple[str, bool]:
    """A row of the table, and whether the service is healthy."""
    if service.gave_up:
        state = "gave up"
    elif service.pid is None:
        state = "down"
    elif not service.healthy and time.time() - service.started_at < _STARTING_SECONDS:
        state = "starting"
    else:
        state = {True: "healthy", False: "unhealthy", None: "unknown"}[service.healthy]
    up = _duration(time.time() - service.started_at) if service.pid else "-"
    log = Path(service.log)
    shown = log.relative_to(root) if log.is_relative_to(root) else log
    return (
        f"{service.name:<23}{state:<12}{service.pid or '-':<9}{service.port or '-':<7}{up:<10}"
        f"{service.restarts:<10}{shown}",
        state == "healthy",
    )


def _duration(seconds: float) -> str:
    minutes = int(seconds) // 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes < 2880 else f"{minutes // 1440} days"


def _retraining(root: Path, state: "State") -> list[tuple[str, str]]:
    """The DAG, its last run, the champion and a hold, as far as the two services answer."""
    from medhash.core.params import load_params
    from medhash.platform.airflow.home import DAG_ID
    from medhash.platform.services.ports import HOST
    from medhash.releases.hold import HOLD, Hold
    from medhash.releases.registry import CHAMPION

    name = load_params(root / "params.yaml").promote.name
    said: list[tuple[str, str]] = []
    try:
        dag, runs = ask_airflow(
            f"http://{HOST}:{state.airflow_port}",
            f"/dags/{DAG_ID}",
            f"/dags/{DAG_ID}/dagRuns?order_by=-run_after&limit=1",
        )
        said.append(
            (
                "DAG",
                f"{DAG_ID} is paused: un-pause it on its page, and it runs by its schedule"
                if dag["is_paused"]
                else f"{DAG_ID} is on; next run {dag['next_dagrun_run_after'] or 'unknown'}",
            )
        )
        said += [
            (
                "last run",
                f"{run['state']}: {run['dag_run_id']}, from {run['start_date'] or '-'} to {run['end_date'] or '-'}",
            )
            for run in runs["dag_runs"]
        ] or [("last run", "none yet")]
    except (OSError, KeyError, json.JSONDecodeError) as error:
        said.append(("DAG", f"not known: Airflow does not answer ({error})"))
    try:
        aliases, tags = registered_model(f"http://{HOST}:{state.mlflow_port}", name)
        version = aliases.get(CHAMPION)
        said.append(("champion", f"version {version} of {name}" if version else f"none yet ({name})"))
        if HOLD in tags:
            said.append(("hold", str(Hold.of_tag(HOLD, tags[HOLD]))))
    except (OSError, KeyError, json.JSONDecodeError) as error:
        said.append(("champion", f"not known: MLflow does not answer ({error})"))
    return said


if __name__ == "__main__":
    raise SystemExit(main())
