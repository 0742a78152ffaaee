"""Publish what workers need: settings and dvc.lock as a commit on no branch, results on the DVC remote."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from medhash.core.errors import MedhashError
from medhash.core.git import GitFailed, git, without_password
from medhash.core.graph import PLAN
from medhash.core.params import load_params
from medhash.core.process import Child
from medhash.platform.stage_run import DVC
from medhash.platform.worker.clone import Say
from medhash.platform.worker.inputs import REMOTE_STAGES, Input, inputs_of, items_of, opened
from medhash.platform.worker.remote import Unreachable, push

CARRIED = ("dvc.lock", "dvc.yaml", "params.yaml")
_CODE = ("components", "medhash", ".dvcignore")
_WHO = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "medhash"), ("EMAIL", "medhash@localhost"))
}


@dataclass(frozen=True)
class Published:
    """commit: for the workers; ref: keeps the commit from git's garbage collection; items: those that can start."""

    commit: str
    ref: str
    items: list[str]


def publish(root: Path, names: list[str], repository: str | None, say: Say) -> Published:
    """Make a commit of HEAD with the settings and dvc.lock of the checkout, and push what `names` read to the remote.

    names: items, or stages with all their items; none: the items of train and encode that can start now. repository:
    where to push the commit, if the workers do not clone this checkout. Index, branches and working tree do not change.
    Equal contents give an equal commit. Raises MedhashError if workers would compute something else than this checkout.
    """
    root = root.resolve()
    if repository is not None:
        without_password(repository, "the repository")
    _require_committed(root)
    ready = _ready(root, items_of(root, names or list(REMOTE_STAGES)), bool(names), say)
    inputs = [needed for found in ready.values() for needed in found]
    child = Child(root, say)
    _require_as_locked(root, child, inputs)
    push(child, sorted({needed.path for needed in inputs}), run_cache=False)
    try:
        commit = _commit(root)
        ref = f"refs/medhash/runs/{commit[:16]}"
        git(root, "update-ref", ref, commit)
    except GitFailed as error:
        raise MedhashError(
            f"git could not make the commit: {error}", "fix the repository, then run this again"
        ) from error
    if repository is not None:
        address = str(Path(repository).resolve()) if Path(repository).exists() else repository
        try:
            git(root, "push", "--quiet", "--", address, f"{commit}:{ref}")
        except GitFailed as error:
            raise Unreachable(
                f"the commit could not be pushed to {address}: {error}",
                "fix --repository, or this machine's right to write refs/medhash there",
            ) from error
    return Published(commit, ref, list(ready))


def _require_committed(root: Path) -> None:
    """Workers run the code of the commit. Require that the checkout has no other code."""
    try:
        git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        changed = [
            entry[3:]
            for entry in git(
                root, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", *_CODE
            ).split("\0")
            if entry
        ]
        weights = [
            path
            for path in load_params(root / "params.yaml").train.initial_weights.values()
            if not Path(path).is_absolute()
        ]
        changed += [path for path in weights if not git(root, "ls-files", "--", path)]
    except GitFailed as error:
        raise MedhashError(f"{root} has no commit for workers to clone: {error}", "commit the code first") from error
    if changed:
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise MedhashError(
            f"uncommitted changes: {', '.join(changed[:5])}{more}; a worker would run other code",
            "commit them (settings in params.yaml and dvc.yaml may stay uncommitted), then publish again",
        )


def _ready(root: Path, items: list[str], all_of_them: bool, say: Say) -> dict[str, list[Input]]:
    """The items whose inputs all exist, with these inputs."""
    ready, waits = {}, {}
    with opened(root) as repo:
        for item in items:
            inputs = inputs_of(repo, item)
            lacking = [needed for needed in inputs if not needed.is_locked]
            if lacking:
                waits[item] = lacking[0]
            else:
                ready[item] = inputs
    if waits and (all_of_them or not ready):
        item, needed = next(iter(waits.items()))
        raise MedhashError(
            f"{item} reads {needed.path}, which {needed.made_by} has not produced yet",
            f"run `dvc repro {needed.made_by}` first",
        )
    for item, needed in waits.items():
        say(f"not yet: {item} waits for {needed.made_by}")
    return ready


def _require_as_locked(root: Path, child: Child, inputs: list[Input]) -> None:
    """Check that outputs match dvc.lock: workers fetch what dvc.lock names."""
    finished = Child(root, lambda _: None).run(
        [*DVC, "status", "--json", *sorted({needed.made_by for needed in inputs})]
    )
    answer = next((line for line in reversed(finished.tail) if line.startswith("{")), None)
    if finished.code != 0 or answer is None:
        raise MedhashError("DVC cannot compare the outputs with dvc.lock", "run `dvc status`")
    for stage, changes in json.loads(answer).items():
        if stage == PLAN and any("changed deps" in change for change in changes if isinstance(change, dict)):
            raise MedhashError(
                "code or settings changed since they were planned: a worker's result would not be found here",
                f"run `dvc repro {PLAN}`, then publish again",
            )
        if any("changed outs" in change for change in changes if isinstance(change, dict)):
            raise MedhashError(f"the outputs of {stage} do not match dvc.lock", f"run `dvc repro {stage}`")


def _commit(root: Path) -> str:
    """A commit of HEAD with the checkout's carried files, made without changing the checkout's index."""
    index = Path(git(root, "rev-parse", "--absolute-git-dir").strip()) / f"medhash-{os.getpid()}.index"
    own = {"GIT_INDEX_FILE": str(index)}
    head = git(root, "rev-parse", "HEAD").strip()
    when = git(root, "show", "--no-patch", "--format=%cI", head).strip()
    try:
        git(root, "read-tree", head, more=own)
        for name in CARRIED:
            blob = git(root, "hash-object", "-w", "--path", name, "--", name).strip()
            git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", more=own)
        tree = git(root, "write-tree", more=own).strip()
    finally:
        index.unlink(missing_ok=True)
    return git(
        root,
        "commit-tree",
        tree,
        "-p",
        head,
        "-m",
        "State of a run, for workers on other machines",
        more={**_WHO, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when},
    ).strip()
