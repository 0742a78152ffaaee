"""Where a change of the champion lays out its copies: one at a time, and nothing of it is left behind."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medhash.core.errors import MedhashError
from medhash.core.locks import only_one
from medhash.core.workspace import Workspace
from medhash.releases.lease import leased

if TYPE_CHECKING:
    from medhash.releases.registry import Registry


@contextmanager
def staging(workspace: Workspace, registry: "Registry") -> Iterator[Path]:
    """Yield an empty folder; removed at the end, or by the next change if this one is killed.

    Raises MedhashError if another promotion, rollback, withdrawal or forgetting is under way: in this checkout, or by
    another coordinator on the same registered model.
    """
    folder = workspace.state / "staging"
    busy = MedhashError("another promotion is under way in this checkout", "wait for it to end")
    with only_one(folder.with_name("staging.lock"), busy=busy), leased(workspace, registry):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
