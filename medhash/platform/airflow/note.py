"""The note of a DAG run, which only Airflow's REST API can write.

Address: the Airflow connection `medhash_airflow_api` (type HTTP: host, schema, port, login, password), else Airflow's
own [api] base_url. Without that connection no login is sent; the local profile needs none.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from medhash.core.workspace import Workspace
from medhash.platform.airflow.rest import AirflowApi
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
    """When the last decision was written, in nanoseconds; None if never. Shows whether a run made one."""
    path = _path(root)
    return path.stat().st_mtime_ns if path.exists() else None


def read_decision(root: Path) -> Decision:
    return Decision.read(_path(root))


def _path(root: Path) -> Path:
    return Workspace(root).decisions / "latest.json"


CONNECTION = "medhash_airflow_api"
_LONGEST = 1000
"""Characters of a note; Airflow's limit."""


def write_note(ti: Any, text: str, log: Any) -> bool:
    """Set the note of a task's run; returns whether that worked. It never fails the task."""
    import requests

    try:
        _api().patch(f"dags/{quote(ti.dag_id)}/dagRuns/{quote(ti.run_id)}?update_mask=note", {"note": text[:_LONGEST]})
    except (requests.RequestException, KeyError) as error:
        log.warning(
            "the run has no note: Airflow's API refused it (%s). `airflow dags test` has no API; otherwise check "
            "[api] base_url and the connection %s",
            type(error).__name__ + _status(error),
            CONNECTION,
        )
        return False
    log.info("the note of the run says: %s", text.replace("\n", "; "))
    return True


def _api() -> AirflowApi:
    """Airflow's API by the connection, else by Airflow's own settings."""
    from airflow.sdk import Connection
    from airflow.sdk.configuration import conf
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = Connection.get(CONNECTION)
    except AirflowNotFoundException:
        return AirflowApi(conf.get("api", "base_url", fallback="http://localhost:8080"))
    host = connection.host or "localhost"
    address = host if "://" in host else f"{connection.schema or 'http'}://{host}"
    address = f"{address}:{connection.port}" if connection.port else address
    return AirflowApi(address, connection.login or None, connection.password or "")


def _status(error: Exception) -> str:
    answer = getattr(error, "response", None)
    return f", status {answer.status_code}" if answer is not None else ""
