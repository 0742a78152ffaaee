"""The release that answers: the champion of the registry, or a folder given by hand; checked before it is used."""

import os
from pathlib import Path

from components.errors import MedhashError
from components.files import replacing_folder
from components.promote.loaded import LoadedRelease
from components.promote.registry import CHAMPION
from components.promote.release import check_release
from components.workspace import Workspace


def load_release(folder: Path) -> LoadedRelease:
    """Read a release folder, every part held to the digests in release.json.

    Raises MedhashError naming the part that is missing, damaged, or not of this release.
    """
    if not folder.is_dir():
        raise MedhashError(f"{folder} is not a folder", "give a release folder, as `medhash promote` makes it")
    check_release(folder)
    return LoadedRelease(folder)


def champion_folder(workspace: Workspace, name: str) -> Path:
    """The release folder of models:/NAME@champion, fetched once per version into var/cache/releases.

    Raises MedhashError if there is no champion yet, MLflow does not answer, or the version holds no release.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode

    from components import tracking

    client = tracking.connect(workspace)
    with tracking.answered():
        try:
            version = client.get_model_version_by_alias(name, CHAMPION)
        except MlflowException as error:
            if error.error_code not in map(ErrorCode.Name, (INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST)):
                raise
            raise MedhashError(f"the registered model {name} has no champion yet", "run `medhash promote` after "
                               "training, or give --release FOLDER") from error
        # A version number can come back after a model was deleted; with its time of creation it cannot.
        folder = workspace.released / name / f"{version.version}-{version.creation_timestamp}"
        if not folder.exists():
            with replacing_folder(folder) as temporary:
                download_artifacts(artifact_uri=f"models:/{name}/{version.version}", dst_path=os.fspath(temporary))
    found = sorted(folder.rglob("release.json"))
    if len(found) != 1:
        raise MedhashError(f"version {version.version} of {name} holds {len(found)} releases, not one",
                           "register versions with `medhash promote` only")
    return found[0].parent
