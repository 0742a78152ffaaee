"""The services of the local profile in the foreground, until Ctrl-C."""

from pathlib import Path

from medhash.core.workspace import Workspace
from medhash.platform.airflow.home import DAG_ID
from medhash.platform.services.ports import HOST, require_free
from medhash.platform.services.state import acquire_or_refuse
from medhash.platform.services.supervisor import Supervisor, clear_leftovers


def run_ui(root: Path, airflow_port: int, mlflow_port: int) -> None:
    """Start Airflow and MLflow, print where they are, and stay until Ctrl-C or SIGTERM; what dies is restarted.

    Raises MedhashError if they run already, a port is taken or a service does not come up; nothing is left running
    then.
    """
    root = root.resolve()
    with acquire_or_refuse(Workspace(root)):
        clear_leftovers(root)
        require_free(airflow_port, "--airflow-port")
        require_free(mlflow_port, "--mlflow-port")
        print("Starting Airflow and MLflow …", flush=True)

        def ready() -> None:
            print(
                f"Airflow  http://{HOST}:{airflow_port}/dags/{DAG_ID}   paused at first; un-pausing it starts a run "
                f"and the schedule\nMLflow   http://{HOST}:{mlflow_port}\nCtrl-C stops both.",
                flush=True,
            )

        Supervisor(root, airflow_port, mlflow_port, _say).run(ready)
        print("\nStopped.", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)
