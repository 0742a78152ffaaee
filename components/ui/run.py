"""Airflow and MLflow side by side until Ctrl-C."""

import os
import sys
import time
from pathlib import Path

from components import tracking
from components.errors import MedhashError
from components.orchestration.airflow_home import DAG_ID, airflow_environment, prepare_airflow
from components.orchestration.process import interrupt_on_signals
from components.params import load_params
from components.ui.ports import HOST, free_ports, require_free
from components.ui.service import Service
from components.workspace import Workspace

_START_SECONDS = 180.0


def airflow_service(root: Path, port: int) -> Service:
    """`airflow standalone`: scheduler, DAG processor, triggerer and pages."""
    first, second = free_ports(2)
    environment = airflow_environment(root, port, (first, second))
    workspace = Workspace(root.resolve())
    prepare_airflow(environment, workspace.state / "logs" / "airflow.log",
                    load_params(root / "params.yaml").schedule.gpu_slots)
    program = str(Path(sys.executable).parent / "airflow")
    return Service("Airflow", [program, "standalone"], environment, root, workspace.state / "logs" / "airflow.log",
                   f"http://{HOST}:{port}/api/v2/monitor/health")


def mlflow_service(root: Path, port: int) -> Service:
    """`mlflow server` over the local store, one worker, job execution off."""
    workspace = Workspace(root.resolve())
    tracking.connect(workspace)
    argv = [str(Path(sys.executable).parent / "mlflow"), "server", "--host", HOST, "--port", str(port),
            "--workers", "1", "--backend-store-uri", f"sqlite:///{workspace.mlflow_database}",
            "--default-artifact-root", (workspace.mlflow_database.parent / "artifacts").as_uri()]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return Service("MLflow", argv, environment, root, workspace.state / "logs" / "mlflow.log",
                   f"http://{HOST}:{port}/health")


def run_ui(root: Path, airflow_port: int, mlflow_port: int) -> None:
    """Start both, print where they are, and stay until Ctrl-C, SIGTERM or the end of one of them.

    Raises MedhashError if a port is taken or a service does not come up; nothing is left running then.
    """
    require_free(airflow_port, "--airflow-port")
    require_free(mlflow_port, "--mlflow-port")
    interrupt_on_signals()
    print("Starting Airflow and MLflow …", flush=True)
    with mlflow_service(root, mlflow_port) as mlflow, airflow_service(root, airflow_port) as airflow:
        try:
            for service in (mlflow, airflow):
                service.wait_until_healthy(_START_SECONDS)
            print(f"Airflow  http://{HOST}:{airflow_port}/dags/{DAG_ID}   paused; un-pausing it starts a run and the "
                  f"schedule\nMLflow   http://{HOST}:{mlflow_port}\nCtrl-C stops both.", flush=True)
            while not (mlflow.ended or airflow.ended):
                time.sleep(1)
        except KeyboardInterrupt:
            print("\nStopping …", flush=True)
            return
    name = mlflow.name if mlflow.ended else airflow.name
    raise MedhashError(f"{name} ended by itself", f"var/logs/{name.lower()}.log tells why")
