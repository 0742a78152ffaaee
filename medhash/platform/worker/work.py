"""Run one item in a clone: fetch its inputs, run it unless its result is cached, push the result."""

from pathlib import Path

from medhash.core.errors import MedhashError
from medhash.core.git import without_password
from medhash.core.process import Child
from medhash.platform.stage_run import DVC, StageFailed, run_item
from medhash.platform.stale_locks import release_dead_locks
from medhash.platform.worker.clone import Say, clone_of
from medhash.platform.worker.inputs import inputs_of, opened, require_item, stage_of
from medhash.platform.worker.remote import Unreachable, pull, push, require_remote, use_remote


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
    """Restore the result from the run-cache. DVC's own repro would compute it if it were missing."""
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


def work(repository: str, commit: str, item: str, folder: Path, remote: str | None, say: Say) -> None:
    """Run an item as it is at a commit, in this machine's folder, and push its result for the coordinator to collect.

    A result in the run-cache of the remote is not computed again. An interrupted training resumes from its last
    checkpoint. Raises MedhashError for what the user can fix, Unreachable for what may be temporary, and StageFailed
    if the item ended without an error message.
    """
    without_password(repository, "the repository")
    with clone_of(repository, commit, item, folder, say) as clone:
        use_remote(clone, folder.resolve() / "cache", remote)
        require_item(clone, item)
        with opened(clone) as repo:
            inputs = inputs_of(repo, item)
        for needed in inputs:
            if not needed.is_locked:
                raise MedhashError(
                    f"commit {commit} has no result of {needed.made_by}, which {item} reads",
                    "run `medhash work --publish` on the coordinator once that stage is done, and work "
                    "on the commit it prints",
                )
        require_remote(clone)
        child = Child(clone, say)
        say(f"{item}: fetching {len(inputs)} results of other stages")
        pull(child, [needed.path for needed in inputs], commit)
        _run(child, item)
        push(child, [item], run_cache=True)
        say(f"{item}: done and pushed")


def _run(child: Child, item: str) -> None:
    finished = child.run([*DVC, "repro", "--pull", "--single-item", item])
    if finished.code == 0:
        return
    message = finished.message()
    if message is not None:
        problem, _, fix = message.partition("\n  fix: ")
        raise MedhashError(problem, fix)
    last = next((line for line in reversed(finished.tail) if line), "")
    raise StageFailed(
        f"{item} ended with exit code {finished.code}: {last}\nthe same command goes on where it stopped", retry=True
    )
