"""Drift over time: every measurement is an MLflow run, and earlier ones are read back from there."""

from typing import TYPE_CHECKING, NamedTuple

from medhash.core import tracking
from medhash.core.workspace import Workspace
from medhash.releases.drift.measure import DriftReport

if TYPE_CHECKING:
    from mlflow import MlflowClient

_RUN_NAME = "drift"
_PREFIX = "drift/"
_N_SHOWN = 52


class Measurement(NamedTuple):
    """One earlier run."""

    at_ms: int
    """Start, milliseconds since 1970, UTC."""
    champion: str
    drift: dict[str, float]
    """Measure → PSI less what chance gives."""


def read_history(client: "MlflowClient", name: str) -> list[Measurement]:
    """The latest measurements of a registered model, oldest first. Call `tracking.connect` first."""
    with tracking.answered():
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            return []
        runs = client.search_runs(
            [experiment.experiment_id],
            max_results=_N_SHOWN,
            filter_string=f"attributes.run_name = '{_RUN_NAME}' and attributes.status = 'FINISHED'",
            order_by=["attributes.start_time DESC"],
        )
    found = [
        Measurement(
            int(run.info.start_time),
            run.data.tags.get("champion", ""),
            {
                key.removeprefix(_PREFIX): value
                for key, value in sorted(run.data.metrics.items())
                if key.startswith(_PREFIX)
            },
        )
        for run in runs
    ]
    return [measurement for measurement in reversed(found) if measurement.drift]


def log_report(client: "MlflowClient", workspace: Workspace, report: DriftReport) -> None:
    """One finished run `drift` in the experiment of the registered model: figures, verdict, page and drift.json."""
    from mlflow.entities import Metric, RunTag

    experiment_id = tracking.experiment(client, workspace, report.model)
    with tracking.answered():
        run = client.create_run(experiment_id, run_name=_RUN_NAME).info
        figures = {"new_images": float(report.n_images), "new_patients": float(report.n_patients)}
        for finding in report.findings:
            figures |= {f"{_PREFIX}{finding.measure}": finding.drift, f"psi/{finding.measure}": finding.psi}
        tags = {
            "verdict": report.verdict,
            "champion": report.champion or "none",
            "model_digest": report.model_digest or "none",
            "drifting": ", ".join(
                finding.measure for finding in report.findings if finding.verdict in ("warn", "stop")
            ),
        }
        client.log_batch(
            run.run_id,
            metrics=[Metric(key, value, run.start_time, 0) for key, value in figures.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        folder = workspace.drift_report.parent
        for path in (workspace.drift_report, folder / "drift.json"):
            client.log_artifact(run.run_id, str(path), "drift")
        client.set_terminated(run.run_id)
