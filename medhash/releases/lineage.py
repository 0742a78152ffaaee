"""The two ways to ask: an image in all releases, and one release with or without an image."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.contracts import IMAGES, RELEASED, SPLIT, read_table
from medhash.core.documents import Document
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.workspace import Workspace
from medhash.releases.audit import Line, read_log
from medhash.releases.registry import AIRFLOW_RUN, PREDECESSOR, RELEASE, RENEWS, ROLLED_BACK, SCRUBBED_FROM, Registry
from medhash.releases.release import IMAGES_FILE, PARAMS_FILE, RELEASE_FILE, Release, read_release
from medhash.retrieval.index import GALLERY_FOLDS

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


class Held(Document):
    """How a release holds an image, or a bag of them."""

    sha256: str | None
    """Of the source file; None of a bag of several files."""
    fold: str
    role: str
    """gallery: searched by everybody; query: a test image, which only asked when figures were measured."""


class Today(Document):
    """Whether an image, or a bag, lies in the tables of this checkout now."""

    in_tables: bool
    sha256: str | None
    fold: str | None


class Holdings:
    """release.json and images.parquet of versions, fetched into a folder; equal tables are fetched once."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._releases: dict[str, Release] = {}
        self._tables: dict[str, pa.Table] = {}
        """By digest."""

    def release(self, version: "ModelVersion") -> Release:
        """release.json of a version. Raises MedhashError if it is gone, damaged or of another format."""
        number = str(version.version)
        if number not in self._releases:
            folder = self._registry.fetch(version, self._folder / f"release-{number}", RELEASE_FILE).parent
            try:
                self._releases[number] = read_release(folder)
            except MedhashError as error:
                raise MedhashError(error.problem.replace(f"{folder}/", ""), error.fix) from error
        return self._releases[number]

    def held(self, version: "ModelVersion", asked: str) -> Held | None:
        """How the version holds an image or a bag of that id; None if not. Raises MedhashError as `release` does."""
        digest = self.release(version).files[IMAGES_FILE]
        if digest not in self._tables:
            path = self._registry.fetch(version, self._folder / f"images-{version.version}", IMAGES_FILE)
            if sha256_file(path) != digest:
                raise MedhashError(
                    f"{IMAGES_FILE} of version {version.version} is not the file that {RELEASE_FILE} "
                    "describes: its SHA-256 differs",
                    "restore its artifacts from a backup",
                )
            self._tables[digest] = read_table(path, RELEASED)
        row = _row(self._tables[digest], asked)
        return (
            Held(sha256=row["sha256"], fold=row["fold"], role="gallery" if row["fold"] in GALLERY_FOLDS else "query")
            if row
            else None
        )


def today(workspace: Workspace, asked: str) -> Today | None:
    """Of an image or a bag of that id; None where there are no tables here."""
    if not workspace.images.exists():
        return None
    image = _row(read_table(workspace.images, IMAGES).select(["image_id", "bag_id", "sha256"]), asked)
    place = None
    if image is not None and workspace.split.exists():
        split = read_table(workspace.split, SPLIT)
        place = next(iter(split.filter(pc.equal(split["image_id"], image["image_id"])).to_pylist()), None)
    return Today(
        in_tables=image is not None, sha256=image["sha256"] if image else None, fold=place["fold"] if place else None
    )


def _row(table: pa.Table, asked: str) -> dict[str, Any] | None:
    """The row of an image of that id, or the first of a bag of that id, without a digest if it has several files."""
    found = table.filter(pc.or_(pc.equal(table["image_id"], asked), pc.equal(table["bag_id"], asked))).to_pylist()
    images = [row for row in found if row["image_id"] == asked]
    if images or len({row["sha256"] for row in found}) == 1:
        return (images or found)[0]
    return found[0] | {"sha256": None} if found else None


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
    """The version it replaced as champion."""
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


class Trace(Document):
    """A version, and how it holds the image that was asked for."""

    origins: Origins
    held: Held | None
    """None if no image was asked for, or where the release cannot be read."""


class ImageTrace(Document):
    """An image in every registered version that holds it, the oldest first."""

    image_id: str
    today: Today | None
    """None where this checkout has no tables."""
    releases: list[Trace]
    unread: list[Origins]
    """Versions that cannot say whether they hold it, each with its problem."""


def trace_image(workspace: Workspace, registry: Registry, image_id: str) -> ImageTrace:
    """Where an image lies: in today's tables, and in which versions, as gallery or as query.

    Raises MedhashError, which does not repeat what was asked for, if none of them knows it.
    """
    now, releases, unread = today(workspace, image_id), list[Trace](), list[Origins]()
    aliases, audit = registry.aliases(), read_log(workspace)
    with tempfile.TemporaryDirectory() as folder:
        holdings = Holdings(registry, Path(folder))
        for version in registry.versions():
            try:
                held = holdings.held(version, image_id)
                if held is not None:
                    releases.append(
                        Trace(
                            held=held,
                            origins=origins_of(registry, version, holdings.release(version), None, aliases, audit),
                        )
                    )
            except MedhashError as error:
                unread.append(origins_of(registry, version, None, error.problem, aliases, audit))
    if not releases and not (now is not None and now.in_tables):
        raise MedhashError(
            "no image of that id is in today's tables or in any release"
            + (f"; of the versions, {len(unread)} could not be read: {unread[0].problem}" if unread else ""),
            "give the bag_id of a search answer, or one of images.parquet's ids: a pseudonym, not a file's name",
        )
    return ImageTrace(image_id=image_id, today=now, releases=releases, unread=unread)


def trace_release(workspace: Workspace, registry: Registry, which: str, image_id: str | None) -> Trace:
    """Where a version comes from; which: its number, or an alias. With an image, how the version holds it.

    Raises MedhashError if there is no such version, or if it does not hold the image or cannot say so.
    """
    aliases = registry.aliases()
    number = aliases.get(which, which.removeprefix("v"))
    version = registry.version(number) if number.isdecimal() else None
    if version is None:
        known = ", ".join([*sorted(aliases), *(str(found.version) for found in registry.versions())]) or "none"
        raise MedhashError(f"{registry.name} has no version or alias {which!r}", f"known are: {known}")
    with tempfile.TemporaryDirectory() as folder:
        holdings = Holdings(registry, Path(folder))
        return _traced(workspace, registry, version, holdings, image_id, aliases)


def _traced(
    workspace: Workspace,
    registry: Registry,
    version: "ModelVersion",
    holdings: Holdings,
    image_id: str | None,
    aliases: dict[str, str],
) -> Trace:
    audit = read_log(workspace)
    try:
        release = holdings.release(version)
    except MedhashError as error:
        if image_id is not None:
            raise
        return Trace(origins=origins_of(registry, version, None, error.problem, aliases, audit), held=None)
    held = holdings.held(version, image_id) if image_id is not None else None
    if image_id is not None and held is None:
        raise MedhashError(
            f"version {version.version} of {registry.name} holds no image of that id",
            "`medhash lineage IMAGE_ID` names the versions that hold it",
        )
    return Trace(origins=origins_of(registry, version, release, None, aliases, audit), held=held)
