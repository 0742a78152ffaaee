"""Backward: what a released version was made from, by whom it was decided, and what became of it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from components.audit.log import Line
from components.documents import Document
from components.promote.registry import AIRFLOW_RUN, PREDECESSOR, RELEASE, RENEWS, ROLLED_BACK, SCRUBBED_FROM, Registry
from components.promote.release import PARAMS_FILE, Release

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


class RunOrigin(Document):
    """The MLflow run that trained the model. Name and experiment are None where the run is gone."""

    run_id: str
    name: str | None
    experiment: str | None


class Origins(Document):
    """Where a version comes from. What release.json says is None where the version's artifacts are gone."""

    model: str
    version: str
    aliases: list[str]
    registered_at: str
    """UTC, ISO 8601."""
    method: str | None
    model_digest: str | None
    codes_digest: str | None
    index_digest: str | None
    data_digest: str | None
    """Of the tables the model was trained on."""
    git_commit: str | None
    dvc_lock: str | None
    decoder: str | None
    params: str | None
    """Address of the settings in MLflow."""
    params_digest: str | None
    mlflow_run: RunOrigin | None
    airflow_run: str | None
    decision: str | None
    why: str | None
    decided_by: str | None
    """Who the audit log of this checkout says it was; None where it does not hold the decision."""
    predecessor: str | None
    """The version whose place it took."""
    renews: str | None
    """The version whose model it is, with another gallery."""
    scrubbed_from: str | None
    """The version that it is, less images that were withdrawn or forgotten since; that one is deleted."""
    rolled_back: str | None
    """JSON: who left it by a rollback, when and why."""
    problem: str | None
    """Why its release cannot be read; None if it can."""


def origins_of(
    registry: Registry,
    version: "ModelVersion",
    release: Release | None,
    problem: str | None,
    aliases: dict[str, str],
    audit: list[Line],
) -> Origins:
    """release: what release.json of the version says; None, with a problem, where it cannot be read."""
    number, tags = str(version.version), version.tags
    said = release.tags() if release is not None else {}
    digests = {
        key: said.get(key, tags.get(key))
        for key in (
            "method",
            "model_digest",
            "codes_digest",
            "index_digest",
            "data_digest",
            "git_commit",
            "dvc_lock",
            "params_digest",
        )
    }
    return Origins(
        model=registry.name,
        version=number,
        registered_at=_time(version.creation_timestamp),
        aliases=sorted(alias for alias, pointed in aliases.items() if pointed == number),
        **digests,
        decoder=release.preprocessing.decoder if release is not None else None,
        params=f"models:/{registry.name}/{number}/artifacts/{RELEASE}/{PARAMS_FILE}" if release is not None else None,
        mlflow_run=_run(registry, version),
        airflow_run=tags.get(AIRFLOW_RUN),
        decision=tags.get("decision"),
        why=tags.get("why"),
        predecessor=tags.get(PREDECESSOR),
        renews=tags.get(RENEWS),
        scrubbed_from=tags.get(SCRUBBED_FROM),
        rolled_back=tags.get(ROLLED_BACK),
        problem=problem,
        decided_by=next((line.entry.who for line in audit if line.digest == tags.get("audit")), None),
    )


def _run(registry: Registry, version: "ModelVersion") -> RunOrigin | None:
    if not version.run_id:
        return None
    run = registry.run(str(version.run_id))
    if run is None:
        return RunOrigin(run_id=str(version.run_id), name=None, experiment=None)
    return RunOrigin(
        run_id=str(version.run_id),
        name=run.info.run_name,
        experiment=registry.client.get_experiment(run.info.experiment_id).name,
    )


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
