"""The demo from end to end: prepare Airflow and MLflow, run the DAG once, print the results."""

import os
import subprocess
import sys
import time
from pathlib import Path

from medhash.core.documents import GalleryFigures, Metrics
from medhash.core.errors import MedhashError
from medhash.core.graph import read_graph
from medhash.core.params import Params, load_params
from medhash.core.process import end_family, family_of, interrupt_on_signals
from medhash.core.workspace import Workspace
from medhash.platform.airflow.home import DAG_ID, airflow_environment
from medhash.platform.demo.progress import Progress
from medhash.platform.services.local_services import prepare_stores


def metric_table(workspace: Workspace, params: Params) -> str:
    """A row per method, highest lift first, the chance row last. Raises MedhashError if a method has no metrics."""
    metrics = sorted(
        (Metrics.read(workspace.metrics(method) / "metrics.json") for method in params.methods),
        key=lambda one: (-(one.seen.lift.value if one.seen else -1.0), one.method),
    )
    width = max(len(one.method) for one in metrics) + 2
    lines = [
        f"{'':<{width}}{'gallery that serves':^34}{'unseen gallery':^34}",
        f"{'method':<{width}}" + f"{'lift  95 % interval':<25}{'AUC':<9}" * 2 + f"{'MAP':>6}{'exchanged':>11}",
    ]
    for one in metrics:
        permuted = f"{one.seen.map_permuted:.3f}" if one.seen else "–"
        lines.append(
            f"{one.method:<{width}}{_figures(one.seen)}{_figures(one.unseen)}{one.figures.map:>6.3f}{permuted:>11}"
        )
    lines.append(f"{'chance':<{width}}" + f"{'0':<25}{'0.500':<9}" * 2 + f"{metrics[0].chance.map:>6.3f}")
    n_patients = metrics[0].seen.n_patients if metrics[0].seen else 0
    lines.append(
        f"{metrics[0].n_queries:,} test cases of {n_patients:,} patients searched {metrics[0].n_gallery:,} gallery "
        f"cases; codes of {metrics[0].bits} bits.\n"
        "Lift: MAP less the MAP of the same rankings with the queries' labels exchanged. AUC: of the labels of the "
        f"{params.evaluate.neighbours} nearest."
    )
    return "\n".join(lines)


def _figures(found: GalleryFigures | None) -> str:
    if found is None:
        return f"{'–':<34}"
    lift = f"{found.lift.value:+.3f} [{found.lift.low:+.3f}, {found.lift.high:+.3f}]"
    return f"{lift:<25}" + (f"{found.knn_auc.value:<9.3f}" if found.knn_auc else f"{'–':<9}")


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
    prepare_stores(root)

    progress = Progress(n_items)
    code = _run_dag(environment, root, log, progress)
    if code != 0 or progress.failed:
        item, message = next(iter(progress.failed.items()), ("the run", f"`airflow dags test` ended with {code}"))
        print(f"\n{message}\n", file=sys.stderr)
        raise MedhashError(
            f"the run failed at {item}, for the reason above; the champion did not change",
            f"fix that and run the same command again: finished steps are not repeated; the whole "
            f"log is {os.path.relpath(log)}",
        )
    print(f"\n{metric_table(workspace, params)}\n")
    print("\n".join(progress.said.get("promote", [])))
    print(
        f"\nReport     {os.path.relpath(workspace.report)}\n"
        f"Data Docs  {os.path.relpath(workspace.data_docs / 'index.html')}\n"
        "`make ui` opens these two pages:\n"
        f"Airflow    http://127.0.0.1:8080/dags/{DAG_ID}\n"
        f"MLflow     http://127.0.0.1:5000/#/models/{params.promote.name}\n"
        f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes."
    )


def _run_dag(environment: dict[str, str], root: Path, log: Path, progress: Progress) -> int:
    """Run `airflow dags test`; its output goes to the log and to the progress. An interrupt ends it and its stage."""
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
                progress.read(line)
        except BaseException:
            end_family(family_of(process.pid))
            raise
    return process.returncode
