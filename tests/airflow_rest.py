"""The few questions that tests put to Airflow's REST API."""

import json
import time
import urllib.request
from typing import Any

DAG = "hashing_retrain"


class AirflowRest:
    """A client of one Airflow, with or without login."""

    def __init__(self, address: str, user: str | None = None, password: str = "") -> None:
        self.address = address
        login = (
            ("GET", "/auth/token")
            if user is None
            else ("POST", "/auth/token", {"username": user, "password": password})
        )
        self._token = self._ask(*login)["access_token"]

    def wait_for_dag(self, seconds: float = 120) -> dict[str, Any]:
        """The DAG, once the DAG processor has found it."""
        deadline = time.monotonic() + seconds
        while True:
            found = [dag for dag in self._ask("GET", "/api/v2/dags")["dags"] if dag["dag_id"] == DAG]
            if found:
                return found[0]
            assert time.monotonic() < deadline, "the DAG was not found"
            time.sleep(1)

    def unpause(self, dag: str = DAG) -> None:
        self._ask("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})

    def trigger(self, dag: str = DAG) -> str:
        """Un-pause the DAG and start a run; its id."""
        self.unpause(dag)
        return self._ask("POST", f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None, "conf": {}})["dag_run_id"]

    def runs(self) -> list[str]:
        """The ids of the DAG's runs, the oldest first."""
        found = self._ask("GET", f"/api/v2/dags/{DAG}/dagRuns?order_by=run_after&limit=100")["dag_runs"]
        return [run["dag_run_id"] for run in found]

    def n_versions(self) -> int:
        """How often the DAG changed, as its processor saw it."""
        return self._ask("GET", f"/api/v2/dags/{DAG}/dagVersions")["total_entries"]

    def wait_for_end(self, run: str, seconds: float = 1200, dag: str = DAG) -> str:
        """The final state of a run."""
        deadline = time.monotonic() + seconds
        while True:
            state = self._ask("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")["state"]
            if state in ("success", "failed"):
                return state
            assert time.monotonic() < deadline, f"the run is still {state}"
            time.sleep(1)

    def states(self, run: str) -> dict[str, set[str]]:
        """Task → the states of its instances."""
        found: dict[str, set[str]] = {}
        for instance in self.instances(run):
            found.setdefault(instance["task_id"], set()).add(instance["state"])
        return found

    def instances(self, run: str) -> list[dict[str, Any]]:
        """The task instances of a run, mapped ones each."""
        return self._ask("GET", f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances?limit=100")["task_instances"]

    def note(self, run: str) -> str:
        return self._ask("GET", f"/api/v2/dags/{DAG}/dagRuns/{run}")["note"] or ""

    def log(self, run: str, task: str) -> str:
        """The log of a task's first try, as JSON text."""
        return json.dumps(self._ask("GET", f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/{task}/logs/1"))

    def _ask(self, method: str, path: str, document: object = None) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if hasattr(self, "_token"):
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(
            self.address + path,
            method=method,
            headers=headers,
            data=json.dumps(document).encode() if document is not None else None,
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
