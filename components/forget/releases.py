"""Releases that hold what must go: those in use are made anew without it, all the others are deleted."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import tracking
from components.errors import MedhashError
from components.forget.scrub import scrub_release
from components.forget.store import Held, delete_for_good, fetch_tables, held_releases
from components.forget.traces import Traces, traces_in_release
from components.promote.logged_model import log_release
from components.promote.registry import CHALLENGER, CHAMPION, PREDECESSOR, PREVIOUS, RELEASE, SCRUBBED_FROM, Registry
from components.workspace import Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_ORDER = (CHALLENGER, PREVIOUS, CHAMPION)


def holders(client: "MlflowClient", pseudonyms: list[str], desk: Path) -> dict[Held, dict[str, Traces]]:
    """The releases of the store that hold any of the patients, and what they hold of each."""
    found = {}
    for number, held in enumerate(held_releases(client)):
        tables = fetch_tables(held, desk / f"tables-{number}")
        traces = [traces_in_release(tables, pseudonym) for pseudonym in pseudonyms]
        shutil.rmtree(tables)
        if any(not trace.is_empty for trace in traces):
            found[held] = {trace.pseudonym: trace for trace in traces if not trace.is_empty}
    return found


def renew(workspace: Workspace, registry: Registry, affected: dict[str, list[str]], desk: Path) -> dict[str, str]:
    """Register what is in use anew and move the aliases; returns old version number → new one.

    affected: version number → the pseudonyms to leave out, of patients or of images. The alias `champion` moves last.
    Cut off anywhere, the same call goes on: a version that was made anew already is known by its tag.
    """
    aliases = {
        str(alias): str(number) for alias, number in registry.client.get_registered_model(registry.name).aliases.items()
    }
    in_use = sorted({number for number in aliases.values() if number in affected}, key=int)
    mapping: dict[str, str] = {}
    for number in in_use:
        new = _already_made(registry, number, affected) or _make(
            workspace, registry, number, affected[number], mapping, desk / f"version-{number}"
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


def delete(client: "MlflowClient", held: Held) -> None:
    """Delete a version and its bytes for good; never one that an alias points to."""
    if held.name is not None and held.version is not None:
        aliases = client.get_registered_model(held.name).aliases
        if held.version in map(str, aliases.values()):
            raise MedhashError(
                f"version {held.version} of {held.name} is in use still",
                "another act on the champion came between: run the same command again",
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
            f"version {number} of {registry.name} cannot be made anew: {error.problem.replace(f'{fetched}/', '')}",
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
