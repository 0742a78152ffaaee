"""The decode cache: squares that were decoded before, by the digest of their file, in one SQLite file.

It makes a second run skip unchanged images and lets an interrupted run go on where it was. It may be deleted.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from components.errors import MedhashError
from components.ingest.decode import DECODER, Decoded

_COMMIT_EVERY = 256
_TABLE = """CREATE TABLE IF NOT EXISTS decoded (
    sha256 BLOB NOT NULL, size_px INTEGER NOT NULL, decoder TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, pixels BLOB NOT NULL,
    PRIMARY KEY (sha256, size_px, decoder))"""
_WHERE = "WHERE sha256 = ? AND size_px = ? AND decoder = ?"


class DecodeCache:
    """Squares of one size and decoder version; a context manager that keeps what it was given even on an error."""

    def __init__(self, path: Path, size_px: int) -> None:
        self._path = path
        self._size_px = size_px
        self._uncommitted = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explaining():
            self._connection = sqlite3.connect(path)
            self._connection.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        try:
            self.commit()
        finally:
            self._connection.close()

    def size(self, sha256: str) -> tuple[int, int] | None:
        """(width, height) of the file's image if its square is here."""
        with self._explaining():
            row = self._connection.execute(f"SELECT width, height FROM decoded {_WHERE}",  # noqa: S608
                                           self._key(sha256)).fetchone()
        return (row[0], row[1]) if row else None

    def pixels(self, sha256: str) -> bytes:
        """The square's size_px² grey values, row by row."""
        with self._explaining():
            row = self._connection.execute(f"SELECT pixels FROM decoded {_WHERE}",  # noqa: S608
                                           self._key(sha256)).fetchone()
        return bytes(row[0])

    def put(self, sha256: str, image: Decoded) -> None:
        """Keep a square; it is safe on disk after at most a few hundred more."""
        with self._explaining():
            self._connection.execute("INSERT OR REPLACE INTO decoded VALUES (?, ?, ?, ?, ?, ?)", (
                *self._key(sha256), image.width, image.height, image.pixels.tobytes()))
        self._uncommitted += 1
        if self._uncommitted >= _COMMIT_EVERY:
            self.commit()

    def commit(self) -> None:
        """Make all squares safe on disk."""
        with self._explaining():
            self._connection.commit()
        self._uncommitted = 0

    def _key(self, sha256: str) -> tuple[bytes, int, str]:
        return bytes.fromhex(sha256), self._size_px, DECODER

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise MedhashError(f"the decode cache {self._path} failed: {error}",
                               "free space if the disk is full; if the file is damaged, delete it, it is only a "
                               "cache; then run again") from error
