"""Start all services of a checkout and stop them: what `medhash up`, `down` and `ui` do."""

import os
import subprocess
import time
from pathlib import Path
from xmlrpc.client import Fault

from medhash.core.errors import MedhashError
from medhash.core.process import interrupt_on_signals
from medhash.core.workspace import Workspace
from medhash.platform.airflow.home import DAG_ID
from medhash.platform.services import supervisord
from medhash.platform.services.local_services import local_services, prepare_stores
from medhash.platform.services.ports import HOST, require_free
from medhash.platform.services.program import commands
from medhash.platform.services.service import Service, n_restarts, starts_file
from medhash.platform.services.state import acquire, acquire_or_refuse, last_state, new_state, runs_here, state_file

_START_SECONDS = 240.0


def start_services(root: Path, airflow_port: int, mlflow_port: int) -> "subprocess.Popen[bytes]":
    """Start the services, print where they are, and return supervisord once all are healthy.

    Raises MedhashError if they run already, a port is taken or a service does not come up; nothing is left running
    then.
    """
    workspace = Workspace(root)
    if not (root / "params.yaml").exists():
        raise MedhashError(
            f"{root} is no checkout of medhash: it has no params.yaml", "run in its root, or give --root"
        )
    with acquire_or_refuse(workspace) as lock:
        if left := supervisord.clear_leftovers(root):
            print(f"ended {left} processes that an earlier start left behind", flush=True)
        require_free(airflow_port, "--airflow-port")
        require_free(mlflow_port, "--mlflow-port")
        interrupt_on_signals()
        log = workspace.state / "logs" / "services.log"
        print(f"Starting Airflow and MLflow; the log is {log} …", flush=True)
        state = new_state(os.getpid(), airflow_port, mlflow_port)
        process = None
        try:
            state.write(state_file(workspace))
            prepare_stores(root, airflow_port)
            programs = commands(root, airflow_port, mlflow_port)
            for name in programs:
                starts_file(root, name).unlink(missing_ok=True)
            process = supervisord.start(root, programs, lock)
            state = new_state(process.pid, airflow_port, mlflow_port)
            state.write(state_file(workspace))
            _wait_until_healthy(root, local_services(root, airflow_port, mlflow_port), process, log)
            state.model_copy(update={"phase": "running"}).write(state_file(workspace))
        except BaseException as error:
            if process is not None:
                supervisord.shut_down(root, local_services(root, airflow_port, mlflow_port), process.pid)
                process.wait()
                supervisord.clear_leftovers(root)
            if isinstance(error, MedhashError):
                state.model_copy(update={"phase": "failed", "problem": error.problem, "fix": error.fix}).write(
                    state_file(workspace)
                )
            else:
                state_file(workspace).unlink(missing_ok=True)
            raise
    print(
        f"Airflow  http://{HOST}:{airflow_port}/dags/{DAG_ID}\nMLflow   http://{HOST}:{mlflow_port}/#/models",
        flush=True,
    )
    return process


def _wait_until_healthy(root: Path, services: list[Service], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """MLflow and the API server first: the others' health needs it. Raises MedhashError naming a log."""
    deadline = time.monotonic() + _START_SECONDS
    for service in reversed(services):
        its_log = log.with_name(f"{service.name}.log")
        while True:
            code = process.poll()
            if code is not None:
                raise MedhashError(f"the services were stopped while they started (exit code {code})", f"see {log}")
            if n_restarts(root, service.name):
                raise MedhashError(f"{service.name} ended while it started", f"see {its_log}")
            if time.monotonic() > deadline:
                raise MedhashError(f"{service.name} was not healthy within {_START_SECONDS:.0f} s", f"see {its_log}")
            if _is_healthy(root, service):
                print(f"  {service.name} is healthy", flush=True)
                break
            time.sleep(0.5)


def _is_healthy(root: Path, service: Service) -> bool:
    try:
        info = supervisord.connect(root).getProcessInfo(service.name)
    except (OSError, Fault):  # supervisord is not ready yet
        return False
    return info["statename"] in supervisord.RUNNING and bool(service.health(info["start"]))


def stop_services(root: Path) -> str:
    """Stop the services; returns what was done.

    Raises MedhashError if they run on another machine or under another account, or do not stop.
    """
    workspace = Workspace(root)
    lock = acquire(workspace)
    if lock is not None:
        with lock:
            left = supervisord.clear_leftovers(root)
            state_file(workspace).unlink(missing_ok=True)
        what = f"ended {left} processes that an earlier start left behind"
        return what if left else "no services run in this checkout"
    state = last_state(workspace, 10.0)
    if state is None:
        raise MedhashError(
            "the services are being started or stopped by another command",
            "wait a moment, then run the same command again",
        )
    if not runs_here(state):
        raise MedhashError(
            f"the services run on another machine, {state.holder()}", f"run medhash down on {state.host}"
        )
    print("stopping …", flush=True)
    try:
        state.model_copy(update={"phase": "stopping"}).write(state_file(workspace))
        supervisord.shut_down(root, local_services(root, state.airflow_port, state.mlflow_port), state.pid)
    except PermissionError as error:
        raise MedhashError(
            f"the services belong to another account, {state.holder()}", "stop them as that account"
        ) from error
    lock = acquire(workspace)
    if lock is not None:  # else somebody has started them anew
        with lock:
            supervisord.clear_leftovers(root)
            state_file(workspace).unlink(missing_ok=True)
    return "stopped"
