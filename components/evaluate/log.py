"""The figures and the latency of a method, on the MLflow run that trained it."""

from typing import Any

from components.documents import Metrics
from components.evaluate.latency import Latency
from components.workspace import Workspace


def log_figures(workspace: Workspace, metrics: Metrics, latency: Latency) -> None:
    """Add the figures to the run of the model, or to a new run if the model was trained elsewhere."""
    import mlflow

    from components import tracking

    tracking.connect(workspace)
    run_id = tracking.find_run(metrics.model_digest)
    with mlflow.start_run(run_id=run_id, run_name=None if run_id else metrics.method):
        if run_id is None:
            mlflow.set_tags({"method": metrics.method, "model_digest": metrics.model_digest})
        mlflow.log_metrics(flat_figures(metrics, latency))
        mlflow.set_tag("evaluation_digest", metrics.evaluation_digest)


def flat_figures(metrics: Metrics, latency: Latency) -> dict[str, float]:
    """MLflow metric key → value: test/…, test/chance/…, test/interval bounds, validation/… and latency/…."""
    figures: dict[str, Any] = {f"test/{name}": value for name, value in metrics.figures}
    figures |= {f"test/chance/{name}": value for name, value in metrics.chance}
    for name, interval in metrics.intervals.items():
        figures |= {f"test/{name}_low": interval.low, f"test/{name}_high": interval.high}
    figures |= {"validation/map_expected_ties": metrics.validation_map, "validation/chance": metrics.validation_chance}
    figures |= {f"latency/{name}": value for name, value in latency if name.endswith("_ms")}
    figures |= {"test/no_relevant_rate": metrics.no_relevant_rate, "test/n_distinct_codes": metrics.n_distinct_codes}
    return {name: float(value) for name, value in figures.items()}
