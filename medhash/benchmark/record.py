"""One MLflow run per finished table: its settings, its figures and its files."""

import time
from pathlib import Path

from medhash.benchmark.cells import Cell
from medhash.benchmark.items import Asked
from medhash.core import tracking
from medhash.core.data_sets import SetWorkspace
from medhash.core.files import sha256_file
from medhash.core.params import Params
from medhash.core.workspace import Workspace

EXPERIMENT = "benchmark"


def record_table(workspace: SetWorkspace, asked: Asked, params: Params, cells: list[Cell], files: list[Path]) -> None:
    """Log the table, unless a run has these very figures already. Raises MedhashError if MLflow does not answer."""
    from mlflow.entities import Metric, Param

    from medhash.core.origins import origins

    checkout = Workspace(workspace.checkout)
    client = tracking.connect(checkout)
    experiment = tracking.experiment(client, checkout, EXPERIMENT)
    digest = sha256_file(workspace.tables / f"{asked.table.name}.csv")
    with tracking.answered():
        if client.search_runs(
            [experiment],
            f"tags.table_digest = '{digest}' and tags.dataset = '{workspace.name}' and attributes.status = 'FINISHED'",
            max_results=1,
        ):
            return
    now_ms = int(time.time() * 1000)
    settings = {
        "table": asked.table.name,
        "dataset": workspace.name,
        "bits": asked.bits,
        "seeds": asked.seeds,
        "epochs": params.train.epochs,
        "size_px": params.size_px,
        "split": params.split.strategy,
        "rows": len(asked.table.rows),
    }
    figures = {f"{cell.figure}/{cell.method}/{cell.bits}": cell.mean for cell in cells if cell.mean is not None}
    chance = {f"{cell.figure}/chance": cell.chance for cell in cells if cell.chance is not None}
    with tracking.answered():
        run_id = str(
            client.create_run(
                experiment,
                run_name=f"{asked.table.name} on {workspace.name}",
                tags={**origins(workspace.checkout), "table_digest": digest, "dataset": workspace.name},
            ).info.run_id
        )
        client.log_batch(
            run_id,
            params=[Param(key, str(value)) for key, value in settings.items()],
            metrics=[Metric(name, value, now_ms, 0) for name, value in (figures | chance).items()],
        )
        for path in files:
            client.log_artifact(run_id, str(path))
        client.set_terminated(run_id)
