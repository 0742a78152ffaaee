"""The MLflow store: a local SQLite database by default, any server by MLFLOW_TRACKING_URI."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from medhash.core.errors import MedhashError
from medhash.core.locks import only_one
from medhash.core.origins import origins
from medhash.core.workspace import Workspace

AIRFLOW_RUN_VARIABLE = "MEDHASH_AIRFLOW_RUN"
"""By this variable the Airflow run tells its tasks its id."""
RETRAINING = "retraining"
"""Tag of the parent run of a retraining: a digest of the Airflow run's id, or of commit and settings."""

if TYPE_CHECKING:
    from mlflow import MlflowClient

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""No anonymous usage reports, no bars, no notes about tables and pip; a silent server is soon noticed. MLflow reads
these as it is imported."""


def connect(workspace: Workspace) -> "MlflowClient":
    """Point MLflow (tracking and registry) at the store of this workspace, made on first use.

    Raises MedhashError if MLFLOW_TRACKING_URI names a server that does not answer.
    """
    _quieten()
    import mlflow

    asked = os.environ.get("MLFLOW_TRACKING_URI")
    uri = asked or _local(workspace)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    if not asked:
        # MLflow puts its address into the environment, where the next call would take it for the user's wish.
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    # MLflow makes its tables when the first client is; two processes that do so at once would break each other.
    with answered(), _setup_lock(workspace):
        client = mlflow.MlflowClient()
        client.search_experiments(max_results=1)
    return client


def experiment(client: "MlflowClient", workspace: Workspace, name: str) -> str:
    """The id of the experiment of that name, made on first use; a local store keeps artifacts beside its database."""
    with answered(), _setup_lock(workspace):
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        local = client.tracking_uri == _local(workspace)
        artifacts = workspace.mlflow_database.resolve().parent / "artifacts"
        return str(client.create_experiment(name, artifact_location=artifacts.as_uri() if local else None))


def retraining_run(client: "MlflowClient", workspace: Workspace, experiment_id: str, settings: str) -> str:
    """The id of the run that the trainings of one retraining are nested under, made on first use.

    One per Airflow run; by hand, one per commit and settings. settings: all of them, as text. Of several, which
    machines that start at once may make, the first counts.
    """
    run, settings_digest = os.environ.get(AIRFLOW_RUN_VARIABLE), hashlib.sha256(settings.encode()).hexdigest()
    origin = origins(workspace.root)
    key = hashlib.sha256((run or f"{origin['git_commit']} {settings_digest}").encode()).hexdigest()[:16]
    with answered(), _setup_lock(workspace):
        found = client.search_runs(
            [experiment_id],
            f"tags.{RETRAINING} = '{key}'",
            max_results=1,
            order_by=["attributes.start_time ASC"],
        )
        if found:
            return str(found[0].info.run_id)
        tags = {RETRAINING: key, "settings_digest": settings_digest, **origin, **({"airflow_run": run} if run else {})}
        name = f"retraining {run or origin['git_commit'][:7]}"
        run_id = str(client.create_run(experiment_id, run_name=name, tags=tags).info.run_id)
        client.set_terminated(run_id)  # it does nothing itself; the runs nested under it have states of their own
    return run_id


def find_run(model_digest: str) -> str | None:
    """The id of the latest run that trained the model with this digest; None if there is none.

    A run that a killed registration left open counts: the tag is set once the model is trained. Call `connect` first.
    """
    import mlflow

    with answered():
        runs = mlflow.search_runs(
            search_all_experiments=True,
            output_format="list",
            max_results=1,
            filter_string=f"tags.model_digest = '{model_digest}' and attributes.status != 'FAILED'",
            order_by=["attributes.start_time DESC"],
        )
    return str(runs[0].info.run_id) if runs else None


def _local(workspace: Workspace) -> str:
    return f"sqlite:///{workspace.mlflow_database.resolve()}"


@contextmanager
def answered() -> Iterator[None]:
    """Turn MLflow's errors of connection and of a full store into one that names the address and the fix."""
    _quieten()
    import mlflow
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    try:
        yield
    except (MlflowException, RequestException) as error:
        if "database is locked" in str(error):  # SQLite's words, for its only writer's turn
            raise MedhashError(
                f"MLflow at {masked(mlflow.get_tracking_uri())} is busy: its database is locked",
                "another process is writing to it, or an interrupt came amid a write: run the same command again",
            ) from error
        raise MedhashError(
            f"MLflow at {masked(mlflow.get_tracking_uri())} does not take the request: {masked(error)}",
            "start that server, set MLFLOW_TRACKING_URI to another, or unset it to use var/mlflow; then "
            "run the same command again, it goes on from the last checkpoint",
        ) from error


def _quieten() -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def masked(text: object) -> str:
    """The first line of a text, without the names and passwords that addresses may hold."""
    lines = str(text).splitlines() or [type(text).__name__]
    return re.sub(r"//[^/@\s]*@", "//", lines[0])[:300]


def _setup_lock(workspace: Workspace) -> AbstractContextManager[None]:
    return only_one(workspace.mlflow_database.parent / "setup.lock")
