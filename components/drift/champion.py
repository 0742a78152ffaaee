"""The champion that new images are compared with."""

import os
from pathlib import Path
from typing import NamedTuple

from components import tracking
from components.promote.registry import CHAMPION, Registry
from components.query.release import champion_folder
from components.workspace import Workspace


class Champion(NamedTuple):
    version: str
    folder: Path
    """Its release, as it lies in var/cache/releases."""


def find_champion(workspace: Workspace, name: str) -> Champion | None:
    """The champion of the registered model; None if there is none yet. Raises MedhashError if MLflow is silent."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")        # read by MLflow as it is imported
    client = tracking.connect(workspace)
    with tracking.answered():
        version = Registry(client, name).version_of(CHAMPION)
    return Champion(str(version.version), champion_folder(workspace, name)) if version is not None else None
