"""Files that are either the old version or the new one, never half of each."""

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medhash.core.process import is_alive

_READ_BYTES = 1 << 20


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success it is synced and moved into place.

    On any error (a full disk, a signal) the temporary file is removed and `target` is as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `target`; on success it takes the place of `target`.

    The old folder is moved aside first and deleted last; `recover_folder` brings it back if the
    process is killed between the two moves.
    """
    recover_folder(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for path in sorted(temporary.rglob("*")):
            if path.is_file():
                with path.open("rb") as handle:
                    os.fsync(handle.fileno())
        aside = _aside(target)
        if target.exists():
            os.rename(target, aside)
        os.rename(temporary, target)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        recover_folder(target)
        shutil.rmtree(temporary, ignore_errors=True)


def recover_folder(target: Path) -> None:
    """Put back the old version of a folder whose replacement was cut off between its two moves."""
    aside = _aside(target)
    if aside.exists():
        if target.exists():
            shutil.rmtree(aside)
        else:
            os.rename(aside, target)


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary versions of processes that were killed while they wrote."""
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        process = leftover.name.removesuffix(".tmp").rpartition(".")[2]
        if process.isdigit() and not is_alive(int(process)):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def write_json(target: Path, document: Any) -> None:
    """Write JSON with sorted keys and a fixed layout, so that equal content is equal bytes."""
    with replacing_file(target) as temporary:
        temporary.write_text(json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def sha256_files(paths: list[Path]) -> str:
    """SHA-256 over the digests of several files, in the order given."""
    return hashlib.sha256("".join(sha256_file(path) for path in paths).encode()).hexdigest()
