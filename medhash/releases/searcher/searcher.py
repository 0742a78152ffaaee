"""Opening releases, and a searcher that follows the champion: each answer comes from one whole release."""

import re
import threading
from collections.abc import Sequence
from pathlib import Path

from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.registry import CHAMPION, Registry
from medhash.releases.release import check_release
from medhash.releases.searcher.answer import Answer
from medhash.releases.searcher.copies import checked_copy
from medhash.releases.searcher.loaded import Image, LoadedRelease
from medhash.retrieval.preference import Preference

_MODEL = re.compile(r"models:/(?P<name>[^@/]+)(@(?P<alias>[^@/]+)|/(?P<number>\d+))")


def open_release(source: str | Path, *, root: Path = Path("."), device: str = "cpu") -> LoadedRelease:
    """Read a release into memory, every part held to the digests in release.json.

    source: a release folder, or `models:/NAME@champion` (any alias) or `models:/NAME/NUMBER` of the MLflow that
    MLFLOW_TRACKING_URI names; unset, of `root`/var/mlflow. root: where a copy of that release is kept (var/cache).
    Raises MedhashError naming what is missing, damaged, or not of this release.
    """
    if not str(source).startswith("models:/"):
        folder = Path(source)
        if not folder.is_dir():
            raise MedhashError(f"{folder} is not a folder", "give a release folder, as `medhash promote` makes it")
        check_release(folder)
        return LoadedRelease(folder, device)
    asked = _MODEL.fullmatch(str(source))
    if asked is None:
        raise MedhashError(f"{source} names no version of a model", "write models:/NAME@champion or models:/NAME/3")
    workspace = Workspace(root)
    with tracking.answered():
        registry = Registry(tracking.connect(workspace), asked["name"], make=False)
        return load_version(workspace, registry, asked["alias"], asked["number"], device)


def load_version(
    workspace: Workspace,
    registry: Registry,
    alias: str | None = CHAMPION,
    number: str | None = None,
    device: str = "cpu",
) -> LoadedRelease:
    """The version of an alias or a number, in memory, from a checked copy on this machine.

    Raises MedhashError if there is none, MLflow does not answer, or the version's release is damaged.
    """
    try:
        return _load(workspace, registry, alias, number, device)
    except (MedhashError, FileNotFoundError):
        # Forgetting removes the copies, and the versions too, while others read them.
        return _load(workspace, registry, alias, number, device)


def _load(
    workspace: Workspace, registry: Registry, alias: str | None, number: str | None, device: str
) -> LoadedRelease:
    version = registry.version(number) if number is not None else registry.version_of(str(alias))
    if version is None:
        what = f"version {number}" if number is not None else f"{alias} yet"
        raise MedhashError(
            f"the registered model {registry.name} has no {what}",
            "run `medhash promote` after training, or give a release folder",
        )
    return LoadedRelease(checked_copy(workspace, registry, version)[0], device, str(version.version))


class Searcher:
    """Answers from the champion. Any number of threads may query and refresh; each answer is of one release.

    Raises MedhashError if there is no champion yet, MLflow does not answer, or the champion's release is damaged.
    """

    def __init__(self, workspace: Workspace, name: str) -> None:
        self._workspace = workspace
        self._refreshing = threading.Lock()
        with tracking.answered():
            self._registry = Registry(tracking.connect(workspace), name, make=False)
            self._serving = load_version(workspace, self._registry)
        self.note = ""
        """Why the last refresh kept the release it had, for people to read; empty if it is the champion's."""

    @property
    def serving(self) -> LoadedRelease:
        """What answers now. Whoever takes it finishes on it, whatever a refresh does meanwhile."""
        return self._serving

    def refresh(self) -> bool:
        """Look who is champion and go over to it, if it is another version; returns whether it was.

        The new release is fetched, checked and loaded beside the old one, which answers until then. If MLflow does not
        answer, or the new release cannot be used, the old one keeps answering, and `note` says so. While another thread
        refreshes, nothing happens.
        """
        if not self._refreshing.acquire(blocking=False):
            return False
        try:
            with tracking.answered():
                champion = self._registry.version_of(CHAMPION)
                if champion is not None and str(champion.version) == self._serving.version:
                    self.note = ""
                    return False
                self._serving = load_version(self._workspace, self._registry)
        except (MedhashError, OSError) as error:
            problem = error.problem if isinstance(error, MedhashError) else error.strerror or type(error).__name__
            self.note = f"version {self._serving.version} keeps answering: {problem}"
            return False
        else:
            self.note = ""
            return True
        finally:
            self._refreshing.release()

    def answer(
        self,
        images: Image | Sequence[Image],
        k: int = 5,
        exclude_patient: str | None = None,
        preference: Preference | None = None,
    ) -> Answer:
        """As `LoadedRelease.answer`, of the release that serves now."""
        return self._serving.answer(images, k, exclude_patient, preference)
