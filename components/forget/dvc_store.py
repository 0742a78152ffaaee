"""Where DVC keeps results: its cache, its remotes, and who is at work on them now."""

import configparser
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from components.errors import MedhashError

_CONFIGS = ("config", "config.local")


@dataclass(frozen=True)
class Stores:
    """Folders that hold results, and the names of remotes that are no folder of this machine."""

    folders: list[Path]
    remotes: list[str]


def caches_and_remotes(root: Path) -> Stores:
    """As .dvc/config and .dvc/config.local of the checkout say."""
    home = root / ".dvc"
    if not home.is_dir():
        return Stores([], [])
    settings = configparser.ConfigParser(interpolation=None)
    settings.read([home / name for name in _CONFIGS])
    folders, remotes = [home / settings.get("cache", "dir", fallback="cache")], []
    for section in settings.sections():
        if section.strip("'").startswith("remote "):
            url = settings.get(section, "url", fallback="")
            if "://" in url:
                remotes.append(section.strip("'").removeprefix("remote ").strip('"'))
            elif url:
                folders.append(home / url)
    return Stores([folder.resolve() for folder in folders if folder.is_dir()], remotes)


@contextmanager
def dvc_stands_still(root: Path) -> Iterator[None]:
    """Hold DVC's own lock of the checkout. Raises MedhashError if DVC, or a stage that it started, is at work."""
    home = root / ".dvc"
    if not home.is_dir():
        yield
        return
    from dvc.lock import LockError, make_lock

    (home / "tmp").mkdir(exist_ok=True)
    lock = make_lock(str(home / "tmp" / "lock"), tmp_dir=str(home / "tmp"))
    try:
        lock.lock()
    except LockError as error:
        raise MedhashError(
            "DVC is at work in this checkout", "wait until it has ended, then run the same command again"
        ) from error
    try:
        _require_no_stage(root)
        yield
    finally:
        lock.unlock()


def _require_no_stage(root: Path) -> None:
    """Raise MedhashError if a stage is running in the checkout: it would write anew what is being removed."""
    for home in (root / ".dvc", root / "data" / "benchmark" / ".dvc"):
        path = home / "tmp" / "rwlock"
        if not path.exists():
            continue
        try:
            document = json.loads(path.read_text() or "{}")
        except ValueError:
            continue  # DVC itself takes a damaged one for none
        writers = list(document.get("write", {}).values())
        readers = [reader for several in document.get("read", {}).values() for reader in several]
        busy = {int(entry["pid"]) for entry in writers + readers if entry.get("pid") != os.getpid()}
        running = sorted(pid for pid in busy if psutil.pid_exists(pid))
        if running:
            raise MedhashError(
                f"a stage is running in this checkout (process {', '.join(map(str, running))})",
                "wait for the run to end, or mark it failed; then run the same command again",
            )
