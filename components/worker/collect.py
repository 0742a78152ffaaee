"""Take a worker's result over: the coordinator's `dvc repro` of an item that must not compute anything."""

from pathlib import Path

from components.errors import MedhashError
from components.orchestration.process import Child
from components.orchestration.stage_run import run_item
from components.orchestration.stale_locks import release_dead_locks
from components.worker.clone import Say
from components.worker.inputs import opened, require_item, stage_of
from components.worker.remote import Unreachable, require_remote


def collect(root: Path, item: str, say: Say) -> None:
    """Fetch an item's result by the run-cache of the remote into the checkout, and write it into dvc.lock.

    Raises MedhashError, and computes nothing, if no worker's result belongs to the data, code and settings that are
    here now, and StageFailed if DVC cannot write it into dvc.lock.
    """
    root = root.resolve()
    require_item(root, item)
    require_remote(root)
    release_dead_locks(root, say)
    _restore(root, item)
    run_item(root, item, Child(root, say))


def _restore(root: Path, item: str) -> None:
    """Put the result where it belongs; DVC itself would compute it if it could not be had."""
    from dvc.exceptions import DvcException
    from dvc.stage.cache import RunCacheNotFoundError

    with opened(root) as repo, repo.lock:
        try:
            repo.stage_cache.pull(None)
            repo.stage_cache.restore(stage_of(repo, item), pull=True)
        except RunCacheNotFoundError as error:
            raise MedhashError(
                f"no result of {item} belongs to the data, code and settings of this checkout",
                "if they changed since `medhash work --publish`, publish and work again; otherwise see "
                "how the worker ended, and that both use the same DVC remote",
            ) from error
        except (DvcException, OSError) as error:
            raise Unreachable(
                f"the result of {item} could not be fetched: {error}",
                "see that the DVC remote can be reached, then run the same command again",
            ) from error
