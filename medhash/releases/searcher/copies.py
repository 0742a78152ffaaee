"""Copies of releases on this machine: each appears whole and checked or not at all, and old ones go."""

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from medhash.core.errors import MedhashError
from medhash.core.locks import only_one
from medhash.core.workspace import Workspace
from medhash.releases.registry import CHAMPION, PREVIOUS, Registry, identity
from medhash.releases.release import Release, check_release

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

LOCK = ".lock"
"""Name of the lock file in the folder of a registered model's copies."""
_UNUSED_S = 24 * 3600.0
"""A copy unused for so long is removed, unless it is of the champion or of `previous`."""


def copy_of(workspace: Workspace, registry: Registry, version: "ModelVersion") -> Path:
    """The release folder of a version in var/cache/releases, fetched once, however many processes ask at once.

    It stays for a day after it was last asked for, unless its version is deleted. Raises MedhashError if the version
    holds no release, or a damaged one, or MLflow does not answer; then no copy appears.
    """
    folder = workspace.released / registry.name
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _name(version)
    with only_one(folder / LOCK):
        if not target.exists():
            _remove_leftovers(folder)
            temporary = folder / f".{target.name}.tmp"
            try:
                fetched, _ = registry.fetch_checked(version, temporary / "fetched")
                os.rename(fetched, target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            _prune(folder, registry, target.name)
        os.utime(target)
    return target


def checked_copy(workspace: Workspace, registry: Registry, version: "ModelVersion") -> tuple[Path, Release]:
    """The copy of a version, every part checked; a damaged one is fetched anew. Raises as `copy_of` does."""
    folder = copy_of(workspace, registry, version)
    try:
        return folder, check_release(folder)
    except (MedhashError, FileNotFoundError):
        _remove_if_damaged(folder)
    folder = copy_of(workspace, registry, version)
    return folder, check_release(folder)


def _remove_if_damaged(folder: Path) -> None:
    """Another process may have removed or mended it since."""
    with only_one(folder.parent / LOCK):
        if folder.exists():
            try:
                check_release(folder)
            except MedhashError:
                _remove(folder)


def _name(version: "ModelVersion") -> str:
    """A version number can come back after a model was deleted, and its release be replaced by one without a patient.

    So the folder's name holds the time of creation, in ms, and the digests' digest too.
    """
    digests = hashlib.sha256("".join(map(str, identity(version.tags))).encode()).hexdigest()
    return f"{version.version}-{version.creation_timestamp}-{digests[:12]}"


def _prune(folder: Path, registry: Registry, fetched: str) -> None:
    """Copies of deleted versions go at once: one may have been deleted because it held a forgotten patient."""
    numbers = registry.aliases()
    names = {_name(version): str(version.version) for version in registry.versions()}
    in_use = {numbers.get(alias) for alias in (CHAMPION, PREVIOUS)}
    for copy in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != fetched):
        unused = time.time() - copy.stat().st_mtime > _UNUSED_S
        if copy.name not in names or (unused and names[copy.name] not in in_use):
            _remove(copy)


def _remove(copy: Path) -> None:
    """Out of sight in one step first: what is being deleted is never taken for a release."""
    aside = copy.with_name(f".{copy.name}.gone")
    if copy.exists():
        os.rename(copy, aside)
    shutil.rmtree(aside, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    """What processes that were killed left behind: only the holder of the lock writes here."""
    for leftover in folder.glob(".*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
