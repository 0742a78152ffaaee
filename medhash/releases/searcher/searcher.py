"""A searcher: answers from one whole release at a time, and goes over to the champion's when told to look."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.registry import CHAMPION, Registry
from medhash.releases.release import check_release
from medhash.releases.searcher.answer import Answer, answer
from medhash.releases.searcher.copies import copy_of, remove_if_damaged
from medhash.releases.searcher.loaded import LoadedRelease
from medhash.retrieval.preference import Preference


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
    from medhash.core import tracking

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


class Serving(NamedTuple):
    """The release that answers, with the number of its version."""

    version: str
    release: LoadedRelease


class Searcher:
    """The champion at work. Any number of threads may ask and refresh; each answer is of one release.

    Raises MedhashError if there is no champion yet, MLflow does not answer, or the champion's release is damaged.
    """

    def __init__(self, workspace: Workspace, name: str) -> None:
        self._workspace = workspace
        self._refreshing = threading.Lock()
        with tracking.answered():
            self._registry = Registry(tracking.connect(workspace), name, make=False)
            self._serving = Serving(*load_champion(workspace, self._registry))
        self.note = ""
        """Why the last refresh went on with the release it had, for people to read; empty if it is the champion's."""

    @property
    def serving(self) -> Serving:
        """What answers now. Whoever takes it finishes on it, whatever a refresh does meanwhile."""
        return self._serving

    def refresh(self) -> bool:
        """Look who is champion and go over to it, if it is another version; returns whether it was.

        The new release is fetched, checked and loaded beside the old one, which answers until then. If MLflow does not
        answer, or the new release cannot be used, the old one goes on, and `note` says so. Nothing is done while
        another thread refreshes.
        """
        if not self._refreshing.acquire(blocking=False):
            return False
        try:
            with tracking.answered():
                champion = self._registry.version_of(CHAMPION)
                if champion is not None and str(champion.version) == self._serving.version:
                    self.note = ""
                    return False
                self._serving = Serving(*load_champion(self._workspace, self._registry))
        except (MedhashError, OSError) as error:
            problem = error.problem if isinstance(error, MedhashError) else error.strerror or type(error).__name__
            self.note = f"version {self._serving.version} goes on answering: {problem}"
            return False
        else:
            self.note = ""
            return True
        finally:
            self._refreshing.release()

    def answer(
        self, images: Sequence[Path], k: int, exclude_patient: str | None = None, preference: Preference | None = None
    ) -> Answer:
        """The k cases nearest to the one these image files show; raises MedhashError, without a file's name."""
        serving = self._serving
        return answer(serving.release, images, k, exclude_patient, serving.version, preference)
