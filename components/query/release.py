"""The release that answers: the champion of the registry, or a folder given by hand; checked before it is used."""

from pathlib import Path

from components.errors import MedhashError
from components.promote.loaded import LoadedRelease
from components.promote.registry import CHAMPION, Registry
from components.promote.release import check_release
from components.query.copies import copy_of, remove_if_damaged
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

    It stays for a day at least. Raises MedhashError if there is no champion yet, MLflow does not answer, or the version
    holds no release.
    """
    from components import tracking

    with tracking.answered():
        return _champion(workspace, Registry(tracking.connect(workspace), name, make=False))[1]


def load_champion(workspace: Workspace, registry: Registry) -> tuple[str, LoadedRelease]:
    """The champion's version number, and its release in memory; a damaged copy on this machine is fetched anew."""
    number, folder = _champion(workspace, registry)
    try:
        return number, load_release(folder)
    except (MedhashError, FileNotFoundError):
        remove_if_damaged(folder)
    number, folder = _champion(workspace, registry)
    return number, load_release(folder)


def _champion(workspace: Workspace, registry: Registry) -> tuple[str, Path]:
    version = registry.version_of(CHAMPION)
    if version is None:
        raise MedhashError(
            f"the registered model {registry.name} has no champion yet",
            "run `medhash promote` after training, or give --release FOLDER",
        )
    return str(version.version), copy_of(workspace, registry, version)
