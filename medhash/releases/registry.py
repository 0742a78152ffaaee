"""The registered model in MLflow: its versions, its aliases, and the release folder inside a version."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from medhash.core.errors import MedhashError
from medhash.core.tracking import AIRFLOW_RUN_VARIABLE, masked
from medhash.releases.audit import requester
from medhash.releases.logged_model import RELEASE, log_release
from medhash.releases.model_card import figure_tags, model_card
from medhash.releases.release import Release, check_release

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

Result = TypeVar("Result")
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
PREDECESSOR = "predecessor"
"""Tag of a version: the number of the version it replaced as champion, to which a rollback goes back."""
ROLLED_BACK = "rolled_back"
"""Tag of a version that a rollback left: who, when and why."""
REGISTERED_BY = "registered_by"
"""Tag of a version: the user, or the Airflow run, that registered it."""
CARD_FILE = "model_card.md"
"""Artifact of the run that trained a registered model; the description of the version holds the same text."""
RENEWS = "renews"
"""Tag of a version: the number of the version whose model it holds, with a later gallery."""
SCRUBBED_FROM = "scrubbed_from"
"""Tag of a version: the number of the version that it is, less what was withdrawn or forgotten since."""
AIRFLOW_RUN = "airflow_run"
"""Tag of a version: the Airflow run that registered it."""


class Registry:
    """Versions of one registered model; made on first use, unless one only looks."""

    def __init__(self, client: "MlflowClient", name: str, make: bool = True) -> None:
        self.client = client
        self.name = name
        self.fence: Callable[[], None] = lambda: None
        """Raises MedhashError unless the champion may be changed now; set by the lease."""
        if make and not client.search_registered_models(f"name = '{name}'"):
            _create(client, name)

    def version_of(self, alias: str) -> "ModelVersion | None":
        """The version an alias points to."""
        number = self.aliases().get(alias)
        return self.version(number) if number is not None else None

    def aliases(self) -> dict[str, str]:
        """Alias → number of a version; empty if the model is not registered yet."""
        model = _if_there(lambda: self.client.get_registered_model(self.name))
        return {alias: str(number) for alias, number in model.aliases.items()} if model is not None else {}

    def version(self, number: str) -> "ModelVersion | None":
        """The version of that number; None if there is none, or none any more."""
        return _if_there(lambda: self.client.get_model_version(self.name, number))

    def versions(self) -> "list[ModelVersion]":
        """All versions, the oldest first."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        return sorted(found, key=lambda version: int(version.version))

    def run(self, run_id: str) -> "Run | None":
        """The run that trained a version's model; None if it is gone."""
        return _if_there(lambda: self.client.get_run(run_id))

    def find(self, release: Release) -> "ModelVersion | None":
        """The version that was registered for this model, codes and index; the latest if there are several."""
        versions = [version for version in self.versions() if identity(version.tags) == identity(release.tags())]
        return versions[-1] if versions else None

    def register(self, release: Release, folder: Path, run_id: str) -> "ModelVersion":
        """Log a release folder as a model of the run and register it as one version, with its model card.

        A model that a rollback left stays left when it comes back with another gallery.
        """
        before = [version for version in self._of_model(release.model_digest) if ROLLED_BACK in version.tags]
        left = {ROLLED_BACK: before[-1].tags[ROLLED_BACK]} if before else {}
        card = model_card(folder)
        info = log_release(folder, run_id)
        self.client.log_text(run_id, card, CARD_FILE)
        return self.client.create_model_version(
            self.name,
            source=info.model_uri,
            run_id=run_id,
            model_id=info.model_id,
            tags={
                **release.tags(),
                **figure_tags(folder),
                REGISTERED_BY: requester(),
                **_airflow_run(),
                **left,
            },
            description=card,
        )

    def fetch(self, version: "ModelVersion", into: Path, part: str = "") -> Path:
        """Copy the release of a version into a folder of its own, or one file of it; returns where that lies.

        Raises MedhashError if the version holds none, or what it holds is gone or out of reach.
        """
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        uri = f"models:/{self.name}/{version.version}"
        into.mkdir(parents=True)
        try:
            fetched = Path(
                download_artifacts(
                    artifact_uri="/".join([uri, "artifacts", RELEASE, *filter(None, [part])]),
                    dst_path=str(into),
                    tracking_uri=self.client.tracking_uri,
                    registry_uri=self.client.tracking_uri,
                )
            )
        except (MlflowException, FileNotFoundError) as error:
            raise MedhashError(
                f"what {uri} holds cannot be fetched: {masked(' '.join(str(error).split()))}",
                "see that its artifact store answers; if the artifacts are gone, restore a backup",
            ) from error
        if not (fetched.is_file() if part else fetched.is_dir() and any(fetched.iterdir())):
            raise MedhashError(
                f"{uri} holds no release",
                "restore its artifacts from a backup if they are gone; register versions with `medhash promote` only",
            )
        return fetched

    def fetch_checked(self, version: "ModelVersion", into: Path) -> tuple[Path, Release]:
        """As `fetch`, with every part checked, and the whole held to the digests of the version's tags.

        Raises MedhashError if the release is damaged, of another format, or not the one that was registered.
        """
        folder = self.fetch(version, into)
        try:
            release = check_release(folder)
        except MedhashError as error:
            raise MedhashError(
                f"version {version.version} of {self.name}: {error.problem.replace(f'{folder}/', '')}", error.fix
            ) from error
        if identity(release.tags()) != identity(version.tags):
            raise MedhashError(
                f"version {version.version} of {self.name} holds another release than was registered: "
                "model, codes or index differ from its tags",
                "restore its artifacts from a backup, or delete the version in MLflow",
            )
        return folder, release

    def point(self, alias: str, version: "ModelVersion") -> None:
        self.client.set_registered_model_alias(self.name, alias, version.version)

    def promote(self, version: "ModelVersion") -> None:
        """Make a version the champion. The alias `champion` moves last, in one step, so that there is always one.

        Cut off before that, the old champion serves, and the same call finishes the work. What a rollback goes back
        to is a tag of the version itself: `previous` alone could point to the champion in between.
        """
        self.fence()
        champion = self.version_of(CHAMPION)
        if champion is not None and champion.version != version.version:
            self.tag(version, {PREDECESSOR: str(champion.version)})
            self.point(PREVIOUS, champion)
        self.fence()
        self.point(CHAMPION, version)
        for same in self._of_model(version.tags.get("model_digest")):
            if ROLLED_BACK in same.tags:
                self.client.delete_model_version_tag(self.name, same.version, ROLLED_BACK)

    def replace_gallery(self, champion: "ModelVersion", version: "ModelVersion") -> None:
        """Put the same model with another gallery in the champion's place; the alias `champion` moves last.

        A rollback goes back past both: the model before, not the same model with an older gallery.
        """
        self.fence()
        tags = {RENEWS: str(champion.version)}
        if PREDECESSOR in champion.tags:
            tags[PREDECESSOR] = champion.tags[PREDECESSOR]
        self.tag(version, tags)
        self.fence()
        self.point(CHAMPION, version)

    def demote_to(self, before: "ModelVersion") -> None:
        """Make the champion's predecessor champion again; the alias `champion` moves last.

        `previous` goes to what a further rollback would go back to, and away if there is nothing.
        """
        self.fence()
        number = before.tags.get(PREDECESSOR)
        further = self.version(number) if number is not None else None
        if further is not None and ROLLED_BACK not in further.tags:
            self.point(PREVIOUS, further)
        elif PREVIOUS in self.aliases():
            self.client.delete_registered_model_alias(self.name, PREVIOUS)
        self.fence()
        self.point(CHAMPION, before)

    def leave(self, champion: "ModelVersion", before: "ModelVersion", text: str) -> None:
        """Tag the champion as rolled back, and with it every version of its model, unless `before` is one of them."""
        same = self._of_model(champion.tags.get("model_digest"))
        if any(version.version == before.version for version in same):
            same = [champion]
        for version in same or [champion]:
            self.tag(version, {ROLLED_BACK: text})

    def _of_model(self, model_digest: str | None) -> "list[ModelVersion]":
        """The versions of one model, whatever their galleries, the oldest first."""
        return [
            version
            for version in self.versions()
            if model_digest is not None and version.tags.get("model_digest") == model_digest
        ]

    def tag(self, version: "ModelVersion", tags: dict[str, str]) -> None:
        for key, value in tags.items():
            self.client.set_model_version_tag(self.name, version.version, key, value)


def _create(client: "MlflowClient", name: str) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    try:
        client.create_registered_model(
            name,
            description="Model, codes and index of one method, released together. "
            "`champion` is what people search with.",
        )
    except MlflowException as error:  # another machine was first
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


def _airflow_run() -> dict[str, str]:
    run = os.environ.get(AIRFLOW_RUN_VARIABLE)
    return {AIRFLOW_RUN: run} if run else {}


def identity(tags: dict[str, str]) -> tuple[str | None, ...]:
    """What makes a release the same as another: the digests of model, codes, index and what its figures are about."""
    return tuple(tags.get(key) for key in ("model_digest", "codes_digest", "index_digest", "evaluation_digest"))


def _if_there(ask: "Callable[[], Result]") -> "Result | None":
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    try:
        return ask()
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return None
        raise
