"""The file memo: what earlier runs learnt of each file, by its place, size and modification time.

It spares reading files again. A file of unchanged size and modification time is taken to be the same file. The memo
holds names of files and patients, so it is in var/private. It may be deleted.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from medhash.core.errors import MedhashError

BYTES, HEADER = "bytes", "header"
"""What is remembered: the SHA-256 of the file's bytes; the row that its header makes."""
_COMMIT_EVERY = 1024
_FORMAT = "1"
_FINE_NS, _COARSE_NS = 50_000_000, 2_000_000_000
_TABLES = """
CREATE TABLE IF NOT EXISTS found (kind TEXT, path TEXT, place INTEGER, name TEXT, size INTEGER, mtime_ns INTEGER,
    n_bytes INTEGER, value TEXT, PRIMARY KEY (kind, path, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS whole (kind TEXT, path TEXT, size INTEGER, mtime_ns INTEGER, n INTEGER,
    PRIMARY KEY (kind, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stamp (text TEXT)"""


class Place(NamedTuple):
    """Where a file's bytes are: a file, or a member of a tar, with the size and time of that file or tar."""

    path: str
    offset: int
    """Of the member's header in the tar; 0 for a file in a folder."""
    name: str
    """Of the member."""
    size: int
    mtime_ns: int
    n_bytes: int


def place_of(path: Path, status: os.stat_result) -> Place:
    """The place of a file in a folder, or of a tar."""
    return Place(os.path.abspath(path), 0, "", status.st_size, status.st_mtime_ns, status.st_size)


class FileMemo:
    """A context manager that commits even on an error. A new `stamp` empties the memo."""

    def __init__(self, path: Path, stamp: str) -> None:
        self._path = path
        self._uncommitted = 0
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        with self._explaining():
            self._connection = sqlite3.connect(path)
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.executescript(_TABLES)
            stamp = f"{_FORMAT} {stamp}"
            if self._connection.execute("SELECT text FROM stamp").fetchall() != [(stamp,)]:
                for table in ("found", "whole", "stamp"):
                    self._connection.execute(f"DELETE FROM {table}")  # noqa: S608
                self._connection.execute("INSERT INTO stamp VALUES (?)", (stamp,))
                self._connection.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._explaining():
                self._connection.commit()
        finally:
            self._connection.close()

    def recall(self, kind: str, place: Place) -> str:
        """What was remembered of a file that has not changed since; empty if nothing was."""
        with self._explaining():
            row = self._connection.execute(
                "SELECT value FROM found WHERE kind = ? AND path = ? AND place = ? AND size = ? AND mtime_ns = ?",
                (kind, place.path, place.offset, place.size, place.mtime_ns),
            ).fetchone()
        return str(row[0]) if row else ""

    def members(self, kind: str, tar: Place) -> list[tuple[Place, str]] | None:
        """All members of a tar that has not changed since it was read to its end, in its order; else None."""
        where = (kind, tar.path, tar.size, tar.mtime_ns)
        with self._explaining():
            whole = self._connection.execute(
                "SELECT n FROM whole WHERE kind = ? AND path = ? AND size = ? AND mtime_ns = ?", where
            ).fetchone()
            if whole is None:
                return None
            rows = self._connection.execute(
                "SELECT place, name, n_bytes, value FROM found WHERE kind = ? AND path = ? AND size = ? "
                "AND mtime_ns = ? ORDER BY place",
                where,
            ).fetchall()
        if len(rows) != whole[0]:
            return None
        return [
            (tar._replace(offset=offset, name=name, n_bytes=n_bytes), value) for offset, name, n_bytes, value in rows
        ]

    def put(self, kind: str, place: Place, value: str) -> None:
        """Remember what a file held, unless it is so new that a further change could leave its time unchanged."""
        if _still_fresh(place.mtime_ns):
            return
        with self._explaining():
            self._connection.execute(
                "INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (kind, place.path, place.offset, place.name, place.size, place.mtime_ns, place.n_bytes, value),
            )
            self._uncommitted += 1
            if self._uncommitted >= _COMMIT_EVERY:
                self._connection.commit()
                self._uncommitted = 0

    def tar_ended(self, kind: str, tar: Place, n_members: int) -> None:
        """Remember that a tar was read to its end; `members` answers once all of them were put."""
        with self._explaining():
            self._connection.execute(
                "DELETE FROM found WHERE kind = ? AND path = ? AND (size, mtime_ns) != (?, ?)",
                (kind, tar.path, tar.size, tar.mtime_ns),
            )
            self._connection.execute(
                "INSERT OR REPLACE INTO whole VALUES (?, ?, ?, ?, ?)",
                (kind, tar.path, tar.size, tar.mtime_ns, n_members),
            )

    def settle(self) -> None:
        """Drop what is remembered of files that are gone."""
        with self._explaining():
            for table in ("found", "whole"):
                paths = self._connection.execute(f"SELECT DISTINCT path FROM {table}").fetchall()  # noqa: S608
                self._connection.executemany(
                    f"DELETE FROM {table} WHERE path = ?",  # noqa: S608
                    [row for row in paths if not os.path.exists(row[0])],
                )
            self._connection.commit()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise MedhashError(
                f"the file memo {self._path} failed: {error}",
                "free space if the disk is full; if the file is damaged, delete it, every file is then "
                "read once more; then run again",
            ) from error


def _still_fresh(mtime_ns: int) -> bool:
    """File systems round modification times: mostly to a few ms, some to up to 2 s (then they are whole seconds)."""
    step = _FINE_NS if mtime_ns % 1_000_000_000 else _COARSE_NS
    return time.time_ns() - mtime_ns < step
