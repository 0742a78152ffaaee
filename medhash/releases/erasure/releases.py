"""Releases that hold images to be removed: those in use are remade without them, the others are deleted."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from medhash.core import tracking
from medhash.core.contracts import ENTRIES, RELEASED, codes_schema, is_certain, read_table, write_table
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.workspace import Workspace
from medhash.releases.assemble import digests
from medhash.releases.erasure.store import HeldRelease, delete_for_good, fetch_tables, held_releases
from medhash.releases.erasure.traces import Traces, traces_in_release
from medhash.releases.logged_model import log_release
from medhash.releases.registry import CHALLENGER, CHAMPION, PREDECESSOR, PREVIOUS, RELEASE, SCRUBBED_FROM, Registry
from medhash.releases.release import IMAGES_FILE, RELEASE_FILE, Release, check_release, load_parts
from medhash.retrieval.code_table import PlacedCodes, code_info, read_codes, unpacked_bytes
from medhash.retrieval.index import write_index

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def scrub_release(folder: Path, pseudonyms: list[str], into: Path) -> Release:
    """Write the release to another folder without the bags of these images; what was measured stays as it was.

    A bag's code was made of all its images, so the bag goes whole; the next run makes what is left of it anew.

    pseudonyms: of images, or of patients all of whose images go.

    Raises MedhashError if the release is damaged or of another format, or if its gallery would be empty.
    """
    release = check_release(folder)
    shutil.copytree(folder, into)
    images = read_table(folder / IMAGES_FILE, RELEASED)
    named = pa.array(pseudonyms, pa.string())
    gone = pc.or_(pc.is_in(images["patient_id"], value_set=named), pc.is_in(images["image_id"], value_set=named))
    gone_ids = images.filter(gone)["bag_id"].combine_chunks()
    write_table(into / IMAGES_FILE, images.filter(pc.invert(pc.is_in(images["bag_id"], value_set=gone_ids))), RELEASED)

    codes = read_codes(folder / "codes.parquet")
    info = code_info(codes.schema)
    kept = codes.filter(pc.invert(pc.is_in(codes["bag_id"], value_set=gone_ids)))
    metadata = {key.decode(): value.decode() for key, value in (codes.schema.metadata or {}).items()}
    write_table(into / "codes.parquet", kept, codes_schema(info.bits, is_certain(kept.schema)), metadata)

    entries = read_table(folder / "index" / "entries.parquet", ENTRIES)
    entries = entries.filter(pc.invert(pc.is_in(entries["bag_id"], value_set=gone_ids)))
    if not len(entries):
        raise MedhashError(
            f"without these images the gallery of the release of {release.method} is empty",
            "promote another model if it is the champion, else delete its "
            "version in MLflow; then run the same command again",
        )
    rows = kept.take(pc.index_in(entries["bag_id"], value_set=kept["bag_id"].combine_chunks()))
    gallery = PlacedCodes(
        bag_ids=entries["bag_id"].to_numpy(),
        patient_ids=entries["patient_id"].to_numpy(),
        folds=rows["fold"].to_numpy(),
        set_ids=entries["set_id"].to_numpy(),
        codes=unpacked_bytes(rows["code"].combine_chunks()),
    )
    write_index(into / "index", gallery, info.model_digest, sha256_file(into / "codes.parquet"))

    parts = load_parts(into / "model", into / "codes.parquet", into / "index", into / "metrics.json")
    Release(**{**dict(release), **parts.facts(), "files": digests(into)}).write(into / RELEASE_FILE)
    return check_release(into)


_ORDER = (CHALLENGER, PREVIOUS, CHAMPION)


def holders(client: "MlflowClient", pseudonyms: list[str], staging: Path) -> dict[HeldRelease, dict[str, Traces]]:
    """The releases of the store that hold any of the patients, and what they hold of each."""
    found = {}
    for number, held in enumerate(held_releases(client)):
        tables = fetch_tables(held, staging / f"tables-{number}")
        traces = [traces_in_release(tables, pseudonym) for pseudonym in pseudonyms]
        shutil.rmtree(tables)
        if any(not trace.is_empty for trace in traces):
            found[held] = {trace.pseudonym: trace for trace in traces if not trace.is_empty}
    return found


def remake(workspace: Workspace, registry: Registry, affected: dict[str, list[str]], staging: Path) -> dict[str, str]:
    """Register what is in use anew and move the aliases; returns old version number → new one.

    affected: version number → the pseudonyms to leave out, of patients or of images. The alias `champion` moves last.
    If it is cut off, the same call finishes it: a version that was remade already is known by its tag.
    """
    aliases = {
        str(alias): str(number) for alias, number in registry.client.get_registered_model(registry.name).aliases.items()
    }
    in_use = sorted({number for number in aliases.values() if number in affected}, key=int)
    mapping: dict[str, str] = {}
    for number in in_use:
        new = _already_made(registry, number, affected) or _make(
            workspace, registry, number, affected[number], mapping, staging / f"version-{number}"
        )
        mapping[number] = str(new.version)
    for version in registry.client.search_model_versions(f"name = '{registry.name}'"):
        before = version.tags.get(PREDECESSOR)
        if before in mapping and str(version.version) not in mapping:
            registry.tag(version, {PREDECESSOR: mapping[before]})
    for alias in sorted(aliases, key=lambda alias: (_ORDER.index(alias) if alias in _ORDER else -1, alias)):
        if aliases[alias] in mapping:
            registry.fence()
            registry.client.set_registered_model_alias(registry.name, alias, mapping[aliases[alias]])
    return mapping


def delete(client: "MlflowClient", held: HeldRelease) -> None:
    """Delete a version and its bytes for good; never one that an alias points to."""
    if held.name is not None and held.version is not None:
        aliases = client.get_registered_model(held.name).aliases
        if held.version in map(str, aliases.values()):
            raise MedhashError(
                f"version {held.version} of {held.name} is still in use",
                "the champion changed meanwhile: run the same command again",
            )
    delete_for_good(client, held)


def _already_made(registry: Registry, number: str, affected: dict[str, list[str]]) -> "ModelVersion | None":
    made = [
        version
        for version in registry.client.search_model_versions(f"name = '{registry.name}'")
        if version.tags.get(SCRUBBED_FROM) == number and str(version.version) not in affected
    ]
    return max(made, key=lambda version: int(version.version), default=None)


def _make(
    workspace: Workspace, registry: Registry, number: str, pseudonyms: list[str], mapping: dict[str, str], folder: Path
) -> "ModelVersion":
    old = registry.version(number)
    assert old is not None
    fetched = registry.fetch(old, folder / "old")
    try:
        release = scrub_release(fetched, pseudonyms, folder / "new" / RELEASE)
    except MedhashError as error:
        raise MedhashError(
            f"version {number} of {registry.name} cannot be remade: {error.problem.replace(f'{fetched}/', '')}",
            error.fix,
        ) from error
    tags = {**old.tags, **release.tags(), SCRUBBED_FROM: number}
    if tags.get(PREDECESSOR) in mapping:
        tags[PREDECESSOR] = mapping[tags[PREDECESSOR]]
    run_id = _run(workspace, registry, old)
    info: Any = log_release(folder / "new" / RELEASE, run_id)
    version = registry.client.create_model_version(
        registry.name,
        source=info.model_uri,
        run_id=run_id,
        model_id=info.model_id,
        tags=tags,
        description=str(old.description or ""),
    )
    registry.fetch_checked(version, folder / "check")
    shutil.rmtree(folder)
    return version


def _run(workspace: Workspace, registry: Registry, version: "ModelVersion") -> str:
    """The run of a version; a run of its own if that one was deleted."""
    from mlflow.exceptions import MlflowException

    try:
        if registry.client.get_run(str(version.run_id)).info.lifecycle_stage == "active":
            return str(version.run_id)
    except MlflowException:
        pass
    experiment = tracking.experiment(registry.client, workspace, registry.name)
    return str(registry.client.create_run(experiment, run_name="forget").info.run_id)
