"""The worker's folder: a clone per item at one commit, and one DVC cache for all.

FOLDER/.medhash-worker   marks the folder as a worker's, whose files may be overwritten
FOLDER/cache             DVC's cache
FOLDER/items/ITEM        the clone for an item; a training resumes from its var/checkpoints
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from medhash.core.errors import MedhashError
from medhash.core.git import GitFailed, git
from medhash.core.locks import only_one
from medhash.core.process import end_family, family_of
from medhash.platform.worker.remote import Unreachable

Say = Callable[[str], None]
_MARK = ".medhash-worker"
_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_ITEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(@[A-Za-z0-9._-]+)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


@contextmanager
def clone_of(repository: str, commit: str, item: str, folder: Path, say: Say) -> Iterator[Path]:
    """The clone for an item at a commit, locked until the block ends; another process waits.

    Raises MedhashError if the folder holds other files, or the repository or the commit cannot be reached.
    """
    if not _ITEM.fullmatch(item):
        raise MedhashError(f"{item!r} is not an item", "give one such as train@osdh")
    folder = _marked(folder)
    clone = folder / "items" / item
    clone.parent.mkdir(parents=True, exist_ok=True)
    with only_one(
        folder / "items" / f"{item}.lock",
        on_wait=lambda: say(f"waiting for another process that works on {item} in {folder}"),
    ):
        _end_leftovers(clone)
        _bring_to(clone, repository, commit)
        # A dep may be a whole folder: a file left by an earlier commit would change the key of the result.
        shutil.rmtree(clone / "data" / "derived", ignore_errors=True)
        yield clone


def _marked(folder: Path) -> Path:
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _MARK).exists():
        if any(path.name != "lost+found" for path in folder.iterdir()):  # the root of a disk has that
            raise MedhashError(
                f"{folder} holds files that are not a worker's",
                "give --folder an empty or new folder: its files are overwritten",
            )
        (folder / _MARK).write_text("medhash work keeps clones and DVC's cache here\n")
    return folder


def _end_leftovers(clone: Path) -> None:
    """End processes and remove locks of a killed worker. This process holds the item's lock."""
    for process in psutil.process_iter():
        try:
            inside = clone == Path(process.cwd()) or clone in Path(process.cwd()).parents
        except (psutil.Error, OSError):
            continue
        if inside:
            end_family(family_of(process.pid))
    for stale in (*clone.glob(".git/*.lock"), clone / ".dvc" / "tmp" / "rwlock"):
        stale.unlink(missing_ok=True)


def _bring_to(clone: Path, repository: str, commit: str) -> None:
    if not _NAME.fullmatch(commit):
        raise MedhashError(f"{commit!r} is not a commit", "give the hash that `medhash work --publish` printed")
    clone.mkdir(exist_ok=True)
    address = str(Path(repository).resolve()) if Path(repository).exists() else repository
    try:
        git(clone, "init", "--quiet")
        if not _HASH.fullmatch(commit) or not _has(clone, commit):
            _fetch(clone, address, commit)
        wanted = commit if _HASH.fullmatch(commit) else "FETCH_HEAD"
        git(clone, "checkout", "--quiet", "--force", "--detach", wanted)
        git(clone, "clean", "--quiet", "-ffd")
    except GitFailed as error:
        raise MedhashError(
            f"the clone in {clone} cannot be brought to {commit}: {error}",
            "remove that folder and run the same command again",
        ) from error


def _has(clone: Path, commit: str) -> bool:
    """Whether the commit and all its files are here; an interrupted fetch leaves neither."""
    try:
        git(clone, "cat-file", "-e", f"{commit}^{{tree}}")
    except GitFailed:
        return False
    return True


def _fetch(clone: Path, address: str, commit: str) -> None:
    try:
        git(clone, "ls-remote", "--quiet", "--", address, "HEAD")
    except GitFailed as error:
        raise Unreachable(
            f"the repository {address} cannot be reached: {error}",
            "fix --repository, or this machine's right to read it",
        ) from error
    try:
        git(clone, "fetch", "--quiet", "--no-tags", "--depth=1", "--", address, commit)
    except GitFailed as error:
        raise MedhashError(
            f"the repository {address} has no commit {commit}: {error}",
            "run `medhash work --publish` on the coordinator and give the hash it prints; with a "
            "repository that is not the coordinator's checkout, publish with --repository",
        ) from error
