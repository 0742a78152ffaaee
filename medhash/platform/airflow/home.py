"""Airflow on this machine: its home is var/airflow, its database SQLite; it listens on 127.0.0.1 only."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace

DAG_ID = "hashing_retrain"


def airflow_environment(root: Path, port: int = 8080) -> dict[str, str]:
    """The environment of every Airflow process of this checkout, on top of this process's own.

    port: of the pages and the REST API. Task logs are read from the shared disk; no log server runs.
    """
    root = root.resolve()
    home = Workspace(root).state / "airflow"
    address = f"http://127.0.0.1:{port}"
    return {
        **_inherited(),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "MEDHASH_ROOT": str(root),
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(max(2, os.cpu_count() or 2)),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        # A task killed together with its supervisor is retried after two minutes, not five.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
        # No login: only accounts of this machine reach the port.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(home / "jwt_secret"),
    }


def prepare_airflow(environment: dict[str, str], log: Path, gpu_slots: int) -> None:
    """Create or migrate Airflow's database and its GPU pool. Raises MedhashError naming the log."""
    program = (
        "import sys\nfrom airflow.cli.cli_parser import get_parser\n"
        "for words in sys.argv[1:]:\n"
        "    arguments = get_parser().parse_args(words.split())\n    arguments.func(arguments)\n"
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as handle:
        done = subprocess.run(
            [sys.executable, "-c", program, "db migrate", f"pools set gpu {gpu_slots} training"],
            env=environment,
            stdout=handle,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise MedhashError("Airflow's database could not be prepared", f"see {log}")


def _inherited() -> dict[str, str]:
    """This process's environment without other settings of Airflow, and without a ban on compiled files."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW__") and name != "PYTHONDONTWRITEBYTECODE"
    }


def _secret(path: Path) -> str:
    """The key that signs requests between Airflow's processes, made on first use."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_hex(64))
    return path.read_text()
