"""Forgetting in derived data and local state: remove what the next run makes again, rewrite the rest.

All derived tables, reports and results are removed, and DVC's cache with them. In features, indexes and plots the bytes
of one patient cannot be separated from those of others.
"""

import configparser
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medhash.archives.decode_cache import DecodeCache
from medhash.archives.preparation import Preparation
from medhash.core.data_sets import SetWorkspace, set_workspace
from medhash.core.errors import MedhashError
from medhash.core.locks import only_one
from medhash.core.process import is_alive
from medhash.core.workspace import Workspace
from medhash.releases.erasure.search import Patterns, files_below
from medhash.releases.searcher.copies import LOCK

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
            "DVC is running in this checkout", "wait until it has ended, then run the same command again"
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
        running = sorted(pid for pid in busy if is_alive(pid))
        if running:
            raise MedhashError(
                f"a stage is running in this checkout (process {', '.join(map(str, running))})",
                "wait for the run to end, or mark it failed; then run the same command again",
            )


_LOG_SUFFIXES = (".log", ".out", ".err", ".txt", ".jsonl")


def data_sets(workspace: Workspace) -> list[SetWorkspace]:
    """The data sets of `medhash benchmark` in this checkout."""
    folder = workspace.root / "data" / "benchmark"
    return [
        set_workspace(workspace.root, path.name)
        for path in sorted(folder.glob("*"))
        if path.is_dir() and path.name != ".dvc"
    ]


def remove_derived(workspace: Workspace, places: list[Workspace], sha256s: list[str]) -> int:
    """Remove derived data, caches, checkpoints and private tables; returns how many files went.

    places: the checkout and the data sets that hold the patients. Of the decode cache, which is costly to make anew,
    only the patients' squares go.
    """
    n_files = 0
    for place in places:
        targets = [place.derived, place.private, place.state / "checkpoints", place.root / "dvc.lock"]
        targets.append(place.features_cache("any").parent)
        if isinstance(place, SetWorkspace):
            targets += [path for path in place.root.glob("rows/*/*") if path.is_dir() or path.name == "dvc.lock"]
        n_files += sum(_remove(target) for target in targets)
        if place.decode_cache.exists():
            with DecodeCache(place.decode_cache, Preparation(0, 0)) as cache:
                cache.remove(sha256s)
                cache.compact()
    n_files += _remove(workspace.root / "reports")
    return n_files + sum(_remove(folder, keep_folder=True) for folder in caches_and_remotes(workspace.root).folders)


def remove_copies(workspace: Workspace) -> int:
    """Remove the copies of releases that queries are answered from; the next query fetches the champion anew.

    Under the lock that a query holds while it fetches one; a query that is reading one fetches anew when it goes.
    """
    n_files = 0
    for folder in sorted(workspace.released.glob("*")):
        with only_one(folder / LOCK):
            n_files += sum(_remove(copy) for copy in sorted(folder.iterdir()) if copy.is_dir())
    return n_files


def clean_state(workspace: Workspace, patterns: Patterns, skipped: frozenset[Path]) -> int:
    """Take the patients out of logs (their lines go) and JSON documents (their keys and items go).

    Logs are rewritten in place: a process may be appending to them. Returns how many files changed.
    """
    n_changed = 0
    for path in files_below(workspace.state, skipped):
        if workspace.audit_log.resolve() == path.resolve() or not (
            path.suffix in (".json", *_LOG_SUFFIXES) or "logs" in path.parts
        ):
            continue
        data = path.read_bytes()
        if not patterns.in_block(data):
            continue
        if path.suffix == ".json":
            document = json.dumps(_without(json.loads(data), patterns), indent=1, sort_keys=True) + "\n"
            _write_over(path, document.encode())
        else:
            _write_over(path, b"".join(line for line in data.splitlines(keepends=True) if not patterns.in_block(line)))
        n_changed += 1
    return n_changed


def _without(value: Any, patterns: Patterns) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, patterns) for key, item in value.items() if not patterns.in_block(key.encode())}
    if isinstance(value, list):
        return [
            _without(item, patterns)
            for item in value
            if not (isinstance(item, str) and patterns.in_block(item.encode()))
        ]
    return "" if isinstance(value, str) and patterns.in_block(value.encode()) else value


def _write_over(path: Path, data: bytes) -> None:
    with path.open("r+b") as handle:
        handle.write(data)
        handle.truncate()


def _remove(path: Path, *, keep_folder: bool = False) -> int:
    """Remove a file or folder; returns how many files it held."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        return 1
    if not path.is_dir():
        return 0
    n_files = sum(1 for _ in _plain_files(path))
    for child in list(path.iterdir()) if keep_folder else [path]:
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()
    return n_files


def _plain_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
