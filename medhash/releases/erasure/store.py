"""MLflow's artifacts as bytes: which logged models hold a release, what lies where, and how it goes for good."""

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient

_INSIDE = ("artifacts/release", "release")
"""Where a logged model may hold its release folder."""


class HeldRelease(NamedTuple):
    """A logged model with a release, and the version registered for it, if there is one."""

    model_id: str
    location: str
    name: str | None
    """Of the registered model."""
    version: str | None
    release: str
    """Path of the release folder in the location."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else "a model of no version"


def held_releases(client: "MlflowClient") -> Iterator[HeldRelease]:
    """Every logged model of the store that holds a release folder, registered or not."""
    versions = [
        version
        for name in _registered(client)
        for version in _paged(
            lambda token, name=name: client.search_model_versions(f"name = '{name}'", page_token=token)
        )
    ]
    for model in _logged_models(client):
        repository = artifacts_at(model.artifact_location)
        for inside in _INSIDE:
            if any(not file.is_dir for file in repository.list_artifacts(inside)):
                # The store does not always fill in a version's model_id; its source is models:/MODEL_ID.
                version = next(
                    (
                        version
                        for version in versions
                        if model.model_id in (version.model_id, str(version.source).rpartition("/")[2])
                    ),
                    None,
                )
                yield HeldRelease(
                    str(model.model_id),
                    str(model.artifact_location),
                    version.name if version else None,
                    str(version.version) if version else None,
                    inside,
                )
                break


def fetch_tables(held: HeldRelease, into: Path) -> Path:
    """Copy the tables of a release, and no more of it, into a folder."""
    repository = artifacts_at(held.location)
    into.mkdir()
    for path in ("images.parquet", "codes.parquet", "index/entries.parquet"):
        folder, _, _ = f"{held.release}/{path}".rpartition("/")
        if f"{held.release}/{path}" in {file.path for file in repository.list_artifacts(folder)}:
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            repository.download_artifacts(f"{held.release}/{path}", dst_path=str(into))
    return into


def delete_for_good(client: "MlflowClient", held: HeldRelease) -> None:
    """Delete the version, the bytes of its model, and the logged model; what is gone already is passed over."""
    from mlflow.exceptions import MlflowException

    if held.name is not None and held.version is not None:
        client.delete_model_version(held.name, held.version)
    repository = artifacts_at(held.location)
    try:
        repository.delete_artifacts()
    except (NotImplementedError, MlflowException) as error:
        raise MedhashError(
            f"the artifacts at {_masked(held.location)} cannot be deleted: {type(error).__name__}",
            "let `mlflow server` serve and delete artifacts (--serve-artifacts, a store it may delete "
            "from), or delete that folder by hand; then run the same command again",
        ) from error
    left = [file.path for inside in _INSIDE for file in repository.list_artifacts(inside)]
    if left:
        raise MedhashError(
            f"{len(left)} artifacts at {_masked(held.location)} are still there after they were deleted",
            "delete that folder by hand, then run the same command again",
        )
    client.delete_logged_model(held.model_id)


def promotion_artifacts(client: "MlflowClient", into: Path) -> Iterator[tuple[Any, str, Path]]:
    """(artifact repository of the run, path in it, local copy) of every page of a promotion decision."""
    from mlflow.entities import ViewType

    experiments = [
        experiment.experiment_id
        for experiment in _paged(lambda token: client.search_experiments(view_type=ViewType.ALL, page_token=token))
    ]
    for run in _paged(lambda token: client.search_runs(experiments, run_view_type=ViewType.ALL, page_token=token)):
        repository = artifacts_at(run.info.artifact_uri)
        for file in repository.list_artifacts("promotion"):
            if not file.is_dir:
                with tempfile.TemporaryDirectory(dir=into) as folder:
                    yield repository, file.path, Path(repository.download_artifacts(file.path, dst_path=folder))


def artifacts_elsewhere(client: "MlflowClient", root: Path, into: Path) -> Iterator[tuple[str, Path]]:
    """(name, local copy) of every artifact of every run and logged model that lies in no folder below `root`."""
    from mlflow.entities import ViewType

    experiments = [
        experiment.experiment_id
        for experiment in _paged(lambda token: client.search_experiments(view_type=ViewType.ALL, page_token=token))
    ]
    places = [
        (f"run {run.info.run_id}", run.info.artifact_uri)
        for run in _paged(lambda token: client.search_runs(experiments, run_view_type=ViewType.ALL, page_token=token))
    ]
    places += [(f"model {model.model_id}", model.artifact_location) for model in _logged_models(client)]
    for name, location in places:
        if _is_below(location, root):
            continue
        repository = artifacts_at(location)
        for path in _files_in(repository, ""):
            with tempfile.TemporaryDirectory(dir=into) as folder:
                yield f"{name}: {path}", Path(repository.download_artifacts(path, dst_path=folder))


def artifacts_at(location: str) -> Any:
    """MLflow's artifact repository of a place."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(location)


def _files_in(repository: Any, folder: str) -> Iterator[str]:
    for file in repository.list_artifacts(folder or None):
        if file.is_dir:
            yield from _files_in(repository, file.path)
        else:
            yield file.path


def _registered(client: "MlflowClient") -> list[str]:
    return [model.name for model in _paged(lambda token: client.search_registered_models(page_token=token))]


def _logged_models(client: "MlflowClient") -> Iterator[Any]:
    from mlflow.entities import ViewType

    for experiment in _paged(lambda token: client.search_experiments(view_type=ViewType.ALL, page_token=token)):
        yield from _paged(
            lambda token, experiment=experiment: client.search_logged_models(
                [experiment.experiment_id], page_token=token
            )
        )


def _paged(ask: Any) -> Iterator[Any]:
    token = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return


def _is_below(location: str, root: Path) -> bool:
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    return is_local_uri(location) and Path(local_file_uri_to_path(location)).resolve().is_relative_to(root.resolve())


def _masked(location: str) -> str:
    return re.sub(r"//[^/@]*@", "//", location)


def vacuum(workspace: Workspace) -> None:
    """Write the local MLflow database anew, so that no deleted row is left in its pages; a server's is its own.

    Raises MedhashError if another process is writing to it all the while.
    """
    path = workspace.mlflow_database
    if not path.exists():
        return
    connection = sqlite3.connect(path, timeout=60)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        raise MedhashError(
            f"{path} cannot be rewritten: {error}",
            "free space if the disk is full, or stop what writes to it (`medhash down`), then run the "
            "same command again",
        ) from error
    finally:
        connection.close()
