"""The champion that new images are compared with."""

import os
from pathlib import Path
from typing import NamedTuple

from components import tracking
from components.errors import MedhashError
from components.promote.registry import CHAMPION, Registry
from components.promote.release import FORMAT, check_release
from components.query.copies import copy_of, remove_if_damaged
from components.workspace import Workspace


class Champion(NamedTuple):
    version: str
    model_digest: str
    folder: Path | None
    """Its release, checked, as it lies in var/cache/releases; None where it is of another format than is read here."""


def find_champion(workspace: Workspace, name: str) -> Champion | None:
    """The champion of the registered model; None if there is none yet.

    A damaged copy on this machine is fetched anew. Raises MedhashError if MLflow does not answer, or what it holds is
    damaged.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # read by MLflow as it is imported
    with tracking.answered():
        registry = Registry(tracking.connect(workspace), name, make=False)
        version = registry.version_of(CHAMPION)
        if version is None:
            return None
        if version.tags.get("format") != str(FORMAT):
            return Champion(str(version.version), version.tags.get("model_digest", "unknown"), None)
        folder = copy_of(workspace, registry, version)
        try:
            release = check_release(folder)
        except MedhashError:
            remove_if_damaged(folder)
            folder = copy_of(workspace, registry, version)
            release = check_release(folder)
    return Champion(str(version.version), release.model_digest, folder)
