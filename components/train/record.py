"""Record a training in MLflow: settings, epochs, system load, the learning curve, origins."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from medhash.core.documents import ModelSpec
from medhash.core.files import sha256_file
from medhash.core.origins import origins
from medhash.core.tracking import answered, connect, experiment, retraining_run
from medhash.core.workspace import Workspace
from medhash.training.deep import OnStart, TrainingStart

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

Finish = Callable[[dict[str, Any]], None]
"""Called with the written history and the model's digest once the model folder is in place."""


@contextmanager
def recorded(workspace: Workspace, experiment_name: str, settings: str) -> Iterator[tuple[OnStart, Finish]]:
    """Record one training in MLflow, which never changes what is trained.

    settings: all of them, as text; trainings of one retraining are nested under one run (`retraining_run`). A
    training that resumes from a checkpoint resumes its run. Raises MedhashError if MLflow does not answer.
    """
    client = connect(workspace)  # before mlflow is imported: it reads its settings then
    import mlflow

    experiment_id = experiment(client, workspace, experiment_name)
    runs: list[str] = []

    def on_start(start: TrainingStart) -> Callable[[dict[str, float], dict[str, float]], None]:
        with answered():
            run_id = _unfinished_run(client, experiment_id, start) if start.history else None
            if run_id is None:
                parent = retraining_run(client, workspace, experiment_id, settings)
                run_id = _new_run(client, workspace, experiment_id, parent, start)
                for epoch, row in enumerate(start.history):
                    _log(client, run_id, epoch, row)
            mlflow.start_run(run_id=run_id, log_system_metrics=True)
        runs.append(run_id)
        finished = len(start.history)

        def after_epoch(row: dict[str, float], speed: dict[str, float]) -> None:
            nonlocal finished
            with answered():
                _log(client, run_id, finished, row | speed)
            finished += 1

        return after_epoch

    def finish(history: dict[str, Any]) -> None:
        with answered():
            client.set_tag(runs[0], "model_digest", history["model_digest"])
            kept = history["epochs"][history["best_epoch"]]
            for column in ("val_lift", "val_map"):
                if column in kept:
                    client.log_metric(runs[0], f"best_{column}", kept[column])
            client.log_figure(runs[0], learning_curve(history), "learning_curve.png")

    try:
        yield on_start, finish
    except BaseException as error:
        if runs:
            mlflow.end_run("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    if runs:
        mlflow.end_run()


def learning_curve(history: dict[str, Any]) -> "Figure":
    """Loss, validation lift and validation MAP over the epochs, the best epoch marked."""
    from matplotlib.figure import Figure

    epochs = range(1, len(history["epochs"]) + 1)
    figure = Figure(figsize=(7, 4), layout="constrained")
    loss_axis = figure.add_subplot()
    loss_axis.plot(epochs, [row.get("loss", float("nan")) for row in history["epochs"]], color="tab:gray")
    loss_axis.set(xlabel="epoch", ylabel="loss (grey)")
    map_axis = loss_axis.twinx()
    for column, marker in (("val_lift", "."), ("val_map", "x")):
        values = [row.get(column, float("nan")) for row in history["epochs"]]
        map_axis.plot(epochs, values, color="tab:blue", marker=marker, markersize=4)
    map_axis.axvline(history["best_epoch"] + 1, color="tab:blue", linestyle=":")
    map_axis.set_ylabel("validation (blue): lift ·, MAP ×; dotted: best epoch")
    return figure


def _unfinished_run(client: "MlflowClient", experiment_id: str, start: TrainingStart) -> str | None:
    runs = client.search_runs(
        [experiment_id],
        f"tags.training_digest = '{start.digest}' and attributes.status != 'FINISHED'",
        max_results=1,
        order_by=["attributes.start_time DESC"],
    )
    return str(runs[0].info.run_id) if runs else None


def _new_run(
    client: "MlflowClient", workspace: Workspace, experiment_id: str, parent: str, start: TrainingStart
) -> str:
    from mlflow.entities import Param
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    spec: ModelSpec = start.spec
    tags = {
        "method": spec.method,
        "training_digest": start.digest,
        "data_digest": spec.data_digest,
        MLFLOW_PARENT_RUN_ID: parent,
        **origins(workspace.root),
    }
    run_id = str(client.create_run(experiment_id, run_name=f"train {spec.method}", tags=tags).info.run_id)
    settings = {"method": spec.method, "bits": spec.bits, "size_px": spec.size_px, **spec.network, **spec.settings}
    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in settings.items()])
    client.log_inputs(run_id, _datasets(workspace))
    return run_id


def _datasets(workspace: Workspace) -> "list[DatasetInput]":
    """The tables of images and labels as MLflow datasets: names and digests only, no path and no identifier."""
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

    return [
        DatasetInput(
            Dataset(name=path.stem, digest=sha256_file(path)[:16], source_type="dvc", source='{"tracked": "dvc.lock"}'),
            tags=[InputTag(MLFLOW_DATASET_CONTEXT, "training")],
        )
        for path in (workspace.images, workspace.labels)
    ]


def _log(client: "MlflowClient", run_id: str, epoch: int, values: dict[str, float]) -> None:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    client.log_batch(run_id, metrics=[Metric(name, value, now, epoch + 1) for name, value in values.items()])
