"""The decode cache: squares that were decoded before, by the digest of their file, in one SQLite file.

Why a file could not be decoded is kept too. What is taken out is overwritten with zeros.

It makes a second run skip unchanged images and lets an interrupted run go on where it was. It may be deleted.
"""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from components.errors import MedhashError
from components.ingest.decode import DECODER, Decoded
from components.ingest.integrity import Unreadable

_COMMIT_EVERY = 256
_TABLES = """CREATE TABLE IF NOT EXISTS decoded (
    sha256 BLOB NOT NULL, size_px INTEGER NOT NULL, decoder TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, pixels BLOB NOT NULL,
    PRIMARY KEY (sha256, size_px, decoder));
CREATE TABLE IF NOT EXISTS failed (
    sha256 BLOB NOT NULL, max_pixels INTEGER NOT NULL, decoder TEXT NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL, PRIMARY KEY (sha256, max_pixels, decoder))"""
_WHERE = "WHERE sha256 = ? AND size_px = ? AND decoder = ?"


class DecodeCache:
    """Squares of one size and decoder version; a context manager that keeps what it was given even on an error."""

    def __init__(self, path: Path, size_px: int, max_pixels: int = 0) -> None:
        self._path = path
        self._size_px = size_px
        self._max_pixels = max_pixels
        self._uncommitted = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explaining():
            self._connection = sqlite3.connect(path)
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.executescript(_TABLES)

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

    def failure(self, sha256: str) -> Unreadable | None:
        """Why this decoder could not read the file, if it tried."""
        with self._explaining():
            row = self._connection.execute("SELECT reason, detail FROM failed WHERE sha256 = ? AND max_pixels = ? "
                                           "AND decoder = ?", self._failure_key(sha256)).fetchone()
        return Unreadable(*row) if row else None

    def put_failure(self, sha256: str, failure: Unreadable) -> None:
        with self._explaining():
            self._connection.execute("INSERT OR REPLACE INTO failed VALUES (?, ?, ?, ?, ?)", (
                *self._failure_key(sha256), failure.reason, failure.detail))

    def knows(self, sha256: str) -> bool:
        """Whether the file need not be decoded again."""
        return self.size(sha256) is not None or self.failure(sha256) is not None

    def keep_only(self, sha256s: Collection[str]) -> int:
        """Take out what belongs to no file of these digests, whatever its size and decoder; returns how many files.

        The file shrinks once a quarter of it is empty: copying it whole for each image that goes would take long.
        """
        with self._explaining():
            kept = {bytes.fromhex(digest) for digest in sha256s}
            gone = [(digest,) for (digest,) in self._connection.execute(
                "SELECT sha256 FROM decoded UNION SELECT sha256 FROM failed") if bytes(digest) not in kept]
            self.remove([bytes(digest).hex() for (digest,) in gone])
            pages, free = (self._connection.execute(f"PRAGMA {name}").fetchone()[0]
                           for name in ("page_count", "freelist_count"))
            if gone and 4 * free > pages:
                self._connection.execute("VACUUM")
        return len(gone)

    def compact(self) -> None:
        """Write the file anew without what was taken out."""
        with self._explaining():
            self._connection.execute("VACUUM")

    def remove(self, sha256s: Collection[str]) -> int:
        """Take out all that is kept of these files; returns how many squares."""
        keys = [(bytes.fromhex(digest),) for digest in sha256s]
        with self._explaining():
            n = self._connection.executemany("DELETE FROM decoded WHERE sha256 = ?", keys).rowcount
            self._connection.executemany("DELETE FROM failed WHERE sha256 = ?", keys)
            self._connection.commit()
        return max(n, 0)

    def commit(self) -> None:
        """Make all squares safe on disk."""
        with self._explaining():
            self._connection.commit()
        self._uncommitted = 0

    def _key(self, sha256: str) -> tuple[bytes, int, str]:
        return bytes.fromhex(sha256), self._size_px, DECODER

    def _failure_key(self, sha256: str) -> tuple[bytes, int, str]:
        return bytes.fromhex(sha256), self._max_pixels, DECODER

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise MedhashError(f"the decode cache {self._path} failed: {error}",
                               "free space if the disk is full; if the file is damaged, delete it, it is only a "
                               "cache; then run again") from error
