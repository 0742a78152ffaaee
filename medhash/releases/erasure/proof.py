"""The search at the end: over the checkout, DVC's stores and MLflow's artifacts, wherever they lie."""

from pathlib import Path
from typing import TYPE_CHECKING

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.erasure.derived import caches_and_remotes
from medhash.releases.erasure.search import Patterns, Searched, search_file, search_folder
from medhash.releases.erasure.store import artifacts_elsewhere
from medhash.releases.erasure.traces import journal_path

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SHOWN = 10
_NOT_OURS = (".venv", ".git")
"""Software, and git's packed objects, which hold no patient's data: tables and pixels are never committed."""


def search_all(
    workspace: Workspace, client: "MlflowClient", patterns: Patterns, archive: Path, staging: Path
) -> Searched:
    """Search everything that is left; the archive itself is its owner's."""
    root = workspace.root.resolve()
    searched = Searched()
    skipped = frozenset(
        {*(root / name for name in _NOT_OURS), archive.resolve(), journal_path(workspace).resolve(), staging.resolve()}
    )
    search_folder(root, patterns, skipped, searched)
    for folder in caches_and_remotes(workspace.root).folders:
        if not folder.is_relative_to(root):
            search_folder(folder, patterns, skipped, searched)
    for name, copy in artifacts_elsewhere(client, root, staging):
        search_file(copy, patterns, searched, name)
    return searched


def require_nothing(searched: Searched) -> None:
    """Raise MedhashError naming the places where something was found."""
    if searched.found:
        text = "; ".join(f"{place}: {kind}" for place, kind in searched.found[:_SHOWN])
        raise MedhashError(
            f"data of the patient remains in {len(searched.found)} places: {text}",
            "remove these files, or what names the patient in them, then run the same command again; "
            "the patient is already on the forgotten list",
        )


def require_patient(workspace: Workspace, pseudonym: str) -> None:
    """Raise MedhashError unless something in the checkout or in DVC's stores names the patient."""
    patterns, searched = Patterns({pseudonym.encode(): "the pseudonym"}), Searched()
    for folder in (
        workspace.derived,
        workspace.state,
        workspace.root / "data" / "benchmark",
        *caches_and_remotes(workspace.root).folders,
    ):
        search_folder(folder, patterns, frozenset(), searched)
        if searched.found:
            return
    raise MedhashError(
        "no table, no release and no cache of this checkout holds a patient of that pseudonym",
        "compare it with patient_id in images.parquet: another key gives other pseudonyms",
    )
