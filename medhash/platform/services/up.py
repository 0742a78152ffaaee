"""Start Airflow and MLflow as services on 127.0.0.1; they stay until `medhash down`, and what dies is restarted.

Returns once all are healthy, or says what failed and leaves nothing running. Un-paused DAGs, runs, models and secrets
are in var/ and are there again after `medhash down` or a reboot.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from medhash.core.command import reports_errors
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="medhash up", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("."), help="the checkout to work in (default: this folder)")
    parser.add_argument("--airflow-port", type=int, default=8080, help="port of Airflow's pages (default: 8080)")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="port of MLflow's pages (default: 5000)")
    args = parser.parse_args(argv)
    start_services(args.root.resolve(), args.airflow_port, args.mlflow_port)
    return 0


def start_services(root: Path, airflow_port: int, mlflow_port: int) -> None:
    """Raises MedhashError if they run already, if a port is taken, or with what the watcher says has failed."""
    from medhash.core.process import interrupt_on_signals
    from medhash.platform.airflow.home import DAG_ID
    from medhash.platform.services.ports import HOST, require_free
    from medhash.platform.services.state import acquire_or_refuse
    from medhash.platform.services.supervisor import clear_leftovers

    workspace = Workspace(root)
    if not (root / "params.yaml").exists():
        raise MedhashError(
            f"{root} is no checkout of medhash: it has no params.yaml", "run in its root, or give --root"
        )
    with acquire_or_refuse(workspace) as lock:
        if left := clear_leftovers(root):
            print(f"ended {left} processes that an earlier start left behind", flush=True)
        require_free(airflow_port, "--airflow-port")
        require_free(mlflow_port, "--mlflow-port")
        interrupt_on_signals()
        log = workspace.state / "logs" / "services.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as handle:
            watcher = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "medhash.platform.services.background",
                    "--root",
                    str(root),
                    "--airflow-port",
                    str(airflow_port),
                    "--mlflow-port",
                    str(mlflow_port),
                    "--lock",
                    str(lock.fileno()),
                ],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])},
                pass_fds=[lock.fileno()],
            )
    print(f"Starting Airflow and MLflow; the log is {log} …", flush=True)
    try:
        _wait(workspace, watcher, log)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            watcher.send_signal(signal.SIGTERM)
        watcher.wait()
        raise
    print(
        f"Airflow  http://{HOST}:{airflow_port}/dags/{DAG_ID}\nMLflow   http://{HOST}:{mlflow_port}\n"
        "`medhash status` tells how they are, `medhash down` stops them.",
        flush=True,
    )


def _wait(workspace: Workspace, watcher: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the watcher says that all are healthy, printing each that is. Raises MedhashError if it gives up."""
    from medhash.platform.services.state import last_state

    shown: set[str] = set()
    while True:
        code = watcher.poll()
        state = last_state(workspace)
        mine = state if state is not None and state.pid == watcher.pid else None
        for service in mine.services if mine else []:
            if service.healthy and service.name not in shown:
                shown.add(service.name)
                print(f"  {service.name} is healthy", flush=True)
        if code is not None:
            if mine is not None and mine.problem:
                raise MedhashError(mine.problem, mine.fix)
            raise MedhashError(f"the services were stopped while they started (exit code {code})", f"{log} tells why")
        if mine is not None and mine.phase == "running":
            return
        time.sleep(0.2)


if __name__ == "__main__":
    raise SystemExit(main())
