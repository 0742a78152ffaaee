"""The DVC remote: fetch inputs, push results, and errors with a fix."""

import configparser
import re
from pathlib import Path

from medhash.core.errors import MedhashError
from medhash.core.git import without_password
from medhash.core.process import Child, Finished
from medhash.platform.stage_run import DVC
from medhash.platform.worker.inputs import opened

_NAME_URL = re.compile(r"(?P<name>[A-Za-z0-9_-]+)=(?P<url>\S+)")
_ABSENT = (
    "Missing cache files",
    "neither locally nor on remote",
    "Checkout failed for following targets",
    "missing-files",
    "failed to collect",
)


class Unreachable(MedhashError):
    """A temporary failure: trying again can help."""


def use_remote(clone: Path, cache: Path, remote: str | None) -> None:
    """Set a clone's DVC cache and, if given as NAME=URL, its remote. Raises MedhashError for another form."""
    config = configparser.RawConfigParser()
    config["cache"] = {"dir": str(cache), "type": "reflink,hardlink,copy"}
    if remote is not None:
        parts = _NAME_URL.fullmatch(remote)
        if parts is None:
            raise MedhashError("--remote is not NAME=URL", "give it as in --remote store=/mnt/hashing/dvc")
        url = without_password(parts["url"], "the DVC remote")
        config["core"] = {"remote": parts["name"]}
        config[f"'remote \"{parts['name']}\"'"] = {"url": url if "://" in url else str(Path(url).absolute())}
    with (clone / ".dvc" / "config.local").open("w") as handle:
        config.write(handle)


def require_remote(root: Path) -> None:
    """Raise Unreachable if the remote is a folder that this machine does not have, or MedhashError if there is none."""
    from dvc.exceptions import DvcException

    with opened(root) as repo:
        try:
            store = repo.cloud.get_remote()
        except DvcException as error:
            raise MedhashError(f"DVC has no remote to use: {error}", "give --remote NAME=URL") from error
        if store.fs.protocol == "local" and not Path(store.path).is_dir():
            raise Unreachable(
                f"the DVC remote {store.path} does not exist on this machine",
                "mount it, or give its address here with --remote NAME=URL; has the coordinator "
                "published anything yet?",
            )


def pull(child: Child, paths: list[str], commit: str) -> None:
    """Fetch results, replacing what is there, and the run-cache."""
    finished = child.run([*DVC, "pull", "--force", "--run-cache", *paths])
    if finished.code == 0:
        return
    if any(sign in line for line in finished.tail for sign in _ABSENT):
        raise MedhashError(
            f"the DVC remote lacks results that commit {commit} names",
            "run `medhash work --publish` on the coordinator, with the same remote, and work on the commit it prints",
        )
    raise _unreachable(finished)


def push(child: Child, targets: list[str], *, run_cache: bool) -> None:
    """Push results to the remote, and their entries of the run-cache. Raises Unreachable."""
    finished = child.run([*DVC, "push", *(["--run-cache"] if run_cache else []), *targets])
    if finished.code != 0:
        raise _unreachable(finished)


def _unreachable(finished: Finished) -> Unreachable:
    said = [line for line in finished.tail if line.startswith("ERROR: ")] or list(finished.tail) or ["no message"]
    return Unreachable(
        f"DVC and its remote: {said[-1].removeprefix('ERROR: ')}",
        "see that the remote can be reached and written from this machine (`dvc remote list`, docs/"
        "dvc-remote.md), then run the same command again; what is done stays done",
    )
