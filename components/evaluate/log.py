"""Log a method's figures and latency on the MLflow run that trained it."""

import time
from typing import TYPE_CHECKING, Any

from medhash.core import tracking
from medhash.core.documents import Headline, Metrics
from medhash.core.workspace import Workspace
from medhash.retrieval.evaluation.latency import Latency

if TYPE_CHECKING:
    from mlflow import MlflowClient


def log_figures(
    workspace: Workspace, experiment_name: str, metrics: Metrics, headline: Headline, latency: Latency
) -> None:
    """Add the figures to the run that trained the model, or to a new run if it was trained elsewhere.

    The run's state is not touched. Raises MedhashError if MLflow does not answer.
    """
    from mlflow.entities import Metric, RunTag

    client = tracking.connect(workspace)
    run_id = tracking.find_run(metrics.model_digest)
    with tracking.answered():
        if run_id is None:
            run_id = _new_run(client, tracking.experiment(client, workspace, experiment_name), metrics)
        now_ms = int(time.time() * 1000)
        client.log_batch(
            run_id,
            metrics=[
                Metric(name, value, now_ms, 0) for name, value in flat_figures(metrics, headline, latency).items()
            ],
            tags=[RunTag("evaluation_digest", metrics.evaluation_digest)],
        )


def flat_figures(metrics: Metrics, headline: Headline, latency: Latency) -> dict[str, float]:
    """MLflow metric key → value: those of headline.json, test/…, test/chance/…, validation/…, latency/…."""
    figures: dict[str, Any] = {name: value for name, value in headline if value is not None}
    figures |= {f"test/{name}": value for name, value in metrics.figures}
    figures |= {f"test/chance/{name}": value for name, value in metrics.chance}
    for name, interval in metrics.intervals.items():
        figures |= {f"test/{name}_low": interval.low, f"test/{name}_high": interval.high}
    if metrics.validation_map is not None and metrics.validation_chance is not None:
        figures |= {
            "validation/map_expected_ties": metrics.validation_map,
            "validation/chance": metrics.validation_chance,
        }
    figures |= {f"latency/{name}": value for name, value in latency if name.endswith("_ms")}
    figures |= {"test/no_relevant_rate": metrics.no_relevant_rate, "test/n_distinct_codes": metrics.n_distinct_codes}
    return {name: float(value) for name, value in figures.items()}


def _new_run(client: "MlflowClient", experiment_id: str, metrics: Metrics) -> str:
    tags = {"method": metrics.method, "model_digest": metrics.model_digest}
    run_id = str(client.create_run(experiment_id, run_name=f"evaluate {metrics.method}", tags=tags).info.run_id)
    client.set_terminated(run_id)
    return run_id
