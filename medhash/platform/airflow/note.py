"""The note of a DAG run, which only Airflow's REST API can write.

Address: the Airflow connection `medhash_airflow_api` (type HTTP: host, schema, port, login, password), else Airflow's
own [api] base_url. Without that connection the API is asked for a token without login, which it gives where everybody
on the machine is an administrator, as in the local profile.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from medhash.core.workspace import Workspace
from medhash.releases.promotion.latest import Latest

DECISION = "decision"
"""XCom of the task `promote`: the document Latest."""


class Decision(Latest):
    """What `medhash promote` wrote down last."""

    def note(self) -> str:
        """In a few lines: which version, promoted or not, why, and which clauses did not hold."""
        name = f"{self.model} version {self.version}" if self.version is not None else self.model
        clauses = f"\nfailed: {', '.join(self.failed_clauses)}" if self.failed_clauses else ""
        renewed = f"\n{self.renewed}" if self.renewed else ""
        return f"{name}: {self.outcome}{clauses}\n{self.why}{renewed}"

    @property
    def champion(self) -> str | None:
        """The version that is the champion by this decision; None: the one from before."""
        return self.version if self.promoted or self.outcome == "champion already" else None


def age_of_decision(root: Path) -> int | None:
    """When the last decision was written down, nanoseconds; None: never. It tells whether a run made one."""
    path = _path(root)
    return path.stat().st_mtime_ns if path.exists() else None


def read_decision(root: Path) -> Decision:
    return Decision.read(_path(root))


def _path(root: Path) -> Path:
    return Workspace(root).decisions / "latest.json"


CONNECTION = "medhash_airflow_api"
_SECONDS = 10.0
_LONGEST = 1000
"""Characters that Airflow takes."""


def write_note(ti: Any, text: str, log: Any) -> bool:
    """Set the note of a task's run; whether it worked. It never fails the task: what it tells of has happened."""
    import requests

    try:
        address, login = _api()
        token = _ask(requests, "POST" if login else "GET", f"{address}/auth/token", json=login)["access_token"]
        _ask(
            requests,
            "PATCH",
            f"{address}/api/v2/dags/{quote(ti.dag_id)}/dagRuns/{quote(ti.run_id)}?update_mask=note",
            json={"note": text[:_LONGEST]},
            headers={"Authorization": f"Bearer {token}"},
        )
    except (requests.RequestException, ValueError, KeyError) as error:
        log.warning(
            "the run has no note: Airflow's API did not take it (%s). Under `airflow dags test` there is none; "
            "elsewhere see to [api] base_url and the connection %s",
            type(error).__name__ + _status(error),
            CONNECTION,
        )
        return False
    log.info("the note of the run says: %s", text.replace("\n", "; "))
    return True


def _api() -> tuple[str, dict[str, str] | None]:
    """The address, and user name and password if there is a connection that holds them."""
    from airflow.sdk import Connection
    from airflow.sdk.configuration import conf
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = Connection.get(CONNECTION)
    except AirflowNotFoundException:
        return conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/"), None
    host = connection.host or "localhost"
    address = host if "://" in host else f"{connection.schema or 'http'}://{host}"
    address = f"{address}:{connection.port}" if connection.port else address
    login = {"username": connection.login, "password": connection.password or ""} if connection.login else None
    return address.rstrip("/"), login


def _ask(requests: Any, method: str, address: str, **more: Any) -> Any:
    answer = requests.request(method, address, timeout=_SECONDS, **more)
    answer.raise_for_status()
    return answer.json()


def _status(error: Exception) -> str:
    answer = getattr(error, "response", None)
    return f", status {answer.status_code}" if answer is not None else ""
