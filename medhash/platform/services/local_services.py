"""The services of the local profile: Airflow on SQLite, its parts one by one, and MLflow over the local store."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from medhash.core import tracking
from medhash.core.params import load_params
from medhash.core.workspace import Workspace
from medhash.platform.airflow.home import airflow_environment, prepare_airflow
from medhash.platform.services.health import answers, beats
from medhash.platform.services.ports import HOST
from medhash.platform.services.service import Service


def local_services(root: Path, airflow_port: int, mlflow_port: int) -> list[Service]:
    """The scheduler comes first: it is stopped before the others."""
    # Seconds between two searches for tasks that no process runs any more; Airflow's default is 300.
    environment = airflow_environment(root, airflow_port) | {"AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30"}
    airflow, mlflow = f"http://{HOST}:{airflow_port}", f"http://{HOST}:{mlflow_port}"

    def part(name: str, *options: str) -> Service:
        health = (
            answers(f"{airflow}/api/v2/monitor/health")
            if name == "api-server"
            else beats(airflow, name.replace("-", "_"))
        )
        return Service(
            f"airflow-{name}",
            [sys.executable, "-m", "airflow", name, *options],
            environment,
            health,
            port=airflow_port if name == "api-server" else None,
            has_tasks=name == "scheduler",
        )

    # Airflow's own log servers listen on every interface. On one machine the API server reads the files.
    return [
        part("scheduler", "--skip-serve-logs"),
        part("dag-processor"),
        part("triggerer", "--skip-serve-logs"),
        part("api-server"),
        Service(
            "mlflow",
            _mlflow_server(root, mlflow_port),
            os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            answers(f"{mlflow}/health"),
            port=mlflow_port,
        ),
    ]


def prepare_stores(root: Path, airflow_port: int = 8080) -> None:
    """Create or migrate both databases, at once: each takes seconds, nearly all of it imports.

    Raises MedhashError naming the log.
    """
    workspace, gpu_slots = Workspace(root), load_params(root / "params.yaml").schedule.gpu_slots
    home = workspace.state / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)  # its database holds the connections and their passwords
    with ThreadPoolExecutor() as pool:
        airflow = pool.submit(
            prepare_airflow,
            airflow_environment(root, airflow_port),
            workspace.state / "logs" / "airflow-database.log",
            gpu_slots,
        )
        tracking.connect(workspace)
        airflow.result()


def _mlflow_server(root: Path, port: int) -> list[str]:
    """One worker, job execution off: a tenth of the memory."""
    workspace = Workspace(root)
    return [
        str(Path(sys.executable).parent / "mlflow"),
        "server",
        "--host",
        HOST,
        "--port",
        str(port),
        "--workers",
        "1",
        "--backend-store-uri",
        f"sqlite:///{workspace.mlflow_database}",
        "--default-artifact-root",
        (workspace.mlflow_database.parent / "artifacts").as_uri(),
    ]
