"""A searcher: answers from one whole release at a time, and goes over to the champion's when told to look."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from components import tracking
from components.errors import MedhashError
from components.index.preference import Preference
from components.promote.loaded import LoadedRelease
from components.promote.registry import CHAMPION, Registry
from components.query.answer import Answer, answer
from components.query.release import load_champion
from components.workspace import Workspace


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
