"""Work one item off in a clone: fetch what it reads, run it unless its result is known, push the result."""

from pathlib import Path

from components.errors import MedhashError
from components.orchestration.process import Child
from components.orchestration.stage_run import DVC, StageFailed
from components.worker.clone import Say, clone_of
from components.worker.git import without_password
from components.worker.inputs import inputs_of, opened, require_item
from components.worker.remote import pull, push, require_remote, use_remote


def work(repository: str, commit: str, item: str, folder: Path, remote: str | None, say: Say) -> None:
    """Run an item as it is at a commit, in this machine's folder, and push its result for the coordinator to collect.

    A result that the run-cache of the remote has is not computed again; a training that was cut off goes on from its
    last checkpoint. Raises MedhashError for what the user can mend, its Unreachable for what may mend itself, and
    StageFailed if the item ended without a word for the user.
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
