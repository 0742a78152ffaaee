"""The demo from end to end: Airflow and MLflow made ready, one run of the DAG, and what came out."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from components.demo.outcome import metric_table
from components.demo.watch import Watch
from components.errors import MedhashError
from components.graph import read_graph
from components.orchestration.airflow_home import DAG_ID, airflow_environment, prepare_airflow
from components.orchestration.process import end_family, family_of, interrupt_on_signals
from components.params import load_params
from components.workspace import Workspace


def run_demo(root: Path) -> None:
    """Run the DAG once with Airflow's own task runner and print progress and results.

    Raises MedhashError naming the item that failed and why.
    """
    interrupt_on_signals()
    root = root.resolve()
    workspace, params = Workspace(root), load_params(root / "params.yaml")
    n_items = sum(len(stage.items) for stage in read_graph(root)) + 4
    log = workspace.state / "logs" / "demo.log"
    started = time.monotonic()
    print(
        f"Retraining {len(params.methods)} methods on {params.ingest.archive}: {n_items} steps of the Airflow DAG "
        f"{DAG_ID}.\nFull log: {os.path.relpath(log)}\n"
    )
    environment = airflow_environment(root)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    _prepare(workspace, environment, log, params.schedule.gpu_slots)

    watch = Watch(n_items)
    code = _run_dag(environment, root, log, watch)
    if code != 0 or watch.failed:
        item, message = next(iter(watch.failed.items()), ("the run", f"`airflow dags test` ended with {code}"))
        print(f"\n{message}\n", file=sys.stderr)
        raise MedhashError(
            f"the run ended at {item}, for the reason above; what people search with is as it was",
            f"mend that and run the same command again, what is done is not done twice; the whole "
            f"log is {os.path.relpath(log)}",
        )
    print(f"\n{metric_table(workspace, params)}\n")
    print("\n".join(watch.said.get("promote", [])))
    print(
        f"\nReport     {os.path.relpath(workspace.report)}\n"
        f"Data Docs  {os.path.relpath(workspace.data_docs / 'index.html')}\n"
        "Pages      `make ui` opens Airflow (this run's tasks and logs) and MLflow (runs, curves, registry)\n"
        f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes."
    )


def _prepare(workspace: Workspace, environment: dict[str, str], log: Path, gpu_slots: int) -> None:
    """Both databases at once; each takes seconds, nearly all of it imports."""
    from components import tracking

    failures: list[Exception] = []

    def airflow() -> None:
        try:
            prepare_airflow(environment, log, gpu_slots)
        except (MedhashError, OSError) as error:
            failures.append(error)

    other = threading.Thread(target=airflow)
    other.start()
    try:
        tracking.connect(workspace)
    finally:
        other.join()
    if failures:
        raise failures[0]


def _run_dag(environment: dict[str, str], root: Path, log: Path, watch: Watch) -> int:
    """`airflow dags test`, its output to the log and to the watch; when we are stopped, it and its stage are."""
    with (
        log.open("a") as handle,
        subprocess.Popen(
            [sys.executable, "-m", "airflow", "dags", "test", DAG_ID],
            cwd=root,
            env=environment,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                handle.write(line)
                watch.read(line)
        except BaseException:
            end_family(family_of(process.pid))
            raise
    return process.returncode
