"""The decode cache: instances that were decoded before, by the digest of their file, in one SQLite file.

Why a file could not be decoded is kept too. What is taken out is overwritten with zeros.

It makes a second run skip unchanged images and lets an interrupted run go on where it was. It may be deleted.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from medhash.archives.decode import DECODER, Decoded
from medhash.archives.integrity import Unreadable
from medhash.archives.preparation import Preparation, Region, Regions
from medhash.archives.reader_code import code_digest
from medhash.core.errors import MedhashError

_COMMIT_EVERY = 256
_TABLES = """CREATE TABLE IF NOT EXISTS decoded (
    sha256 BLOB NOT NULL, size_px INTEGER NOT NULL, decoder TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, pixels BLOB NOT NULL,
    PRIMARY KEY (sha256, size_px, decoder));
CREATE TABLE IF NOT EXISTS failed (
    sha256 BLOB NOT NULL, max_pixels INTEGER NOT NULL, decoder TEXT NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL, PRIMARY KEY (sha256, max_pixels, decoder));
CREATE TABLE IF NOT EXISTS parts (
    sha256 BLOB NOT NULL, size_px INTEGER NOT NULL, decoder TEXT NOT NULL, regions TEXT NOT NULL,
    PRIMARY KEY (sha256, size_px, decoder))"""
_WHERE = "WHERE sha256 = ? AND size_px = ? AND decoder = ?"


class Shape(NamedTuple):
    """Size of a file's image in px, and which parts of it its instances show; (None,) for the whole."""

    width: int
    height: int
    regions: tuple[Region | None, ...]


class DecodeCache:
    """Instances of one preparation and decoder; a context manager that keeps what it was given on an error.

    The decoder is its version and its code: other code decodes anew. `regions` are the requested ones: the same file
    with other regions is another entry.
    """

    def __init__(self, path: Path, preparation: Preparation) -> None:
        self._path = path
        self._preparation = preparation
        self._uncommitted = 0
        self._made_by = f"{DECODER} code {code_digest('medhash.archives.decode:decode_bytes')[:16]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explaining():
            self._connection = sqlite3.connect(path)
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.commit()
        finally:
            self._connection.close()

    def shape(self, sha256: str, regions: Regions = ()) -> Shape | None:
        """The file's size and parts if its instances are here."""
        key = self._key(sha256, regions)
        with self._explaining():
            row = self._connection.execute(f"SELECT width, height FROM decoded {_WHERE}", key).fetchone()  # noqa: S608
            parts = self._connection.execute(f"SELECT regions FROM parts {_WHERE}", key).fetchone()  # noqa: S608
        if row is None:
            return None
        shown = tuple((x, y, w, h) for x, y, w, h in json.loads(parts[0])) if parts else (None,)
        return Shape(row[0], row[1], shown)

    def pixels(self, sha256: str, regions: Regions = ()) -> bytes:
        """The squares of the file's instances, one after the other, channel by channel and row by row."""
        with self._explaining():
            row = self._connection.execute(
                f"SELECT pixels FROM decoded {_WHERE}",  # noqa: S608
                self._key(sha256, regions),
            ).fetchone()
        return bytes(row[0])

    def put(self, sha256: str, image: Decoded, regions: Regions = ()) -> None:
        """Keep a file's instances; they are safe on disk after at most a few hundred more."""
        key = self._key(sha256, regions)
        with self._explaining():
            self._connection.execute(
                "INSERT OR REPLACE INTO decoded VALUES (?, ?, ?, ?, ?, ?)",
                (*key, image.width, image.height, image.pixels.tobytes()),
            )
            if image.regions != (None,):
                self._connection.execute(
                    "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", (*key, json.dumps(image.regions))
                )
        self._uncommitted += 1
        if self._uncommitted >= _COMMIT_EVERY:
            self.commit()

    def failure(self, sha256: str, regions: Regions = ()) -> Unreadable | None:
        """Why this decoder could not read the file, if it tried."""
        with self._explaining():
            row = self._connection.execute(
                "SELECT reason, detail FROM failed WHERE sha256 = ? AND max_pixels = ? AND decoder = ?",
                self._failure_key(sha256, regions),
            ).fetchone()
        return Unreadable(*row) if row else None

    def put_failure(self, sha256: str, failure: Unreadable, regions: Regions = ()) -> None:
        with self._explaining():
            self._connection.execute(
                "INSERT OR REPLACE INTO failed VALUES (?, ?, ?, ?, ?)",
                (*self._failure_key(sha256, regions), failure.reason, failure.detail),
            )

    def knows(self, sha256: str, regions: Regions = ()) -> bool:
        """Whether the file need not be decoded again."""
        return self.shape(sha256, regions) is not None or self.failure(sha256, regions) is not None

    def keep_only(self, sha256s: Collection[str]) -> int:
        """Take out what belongs to no file of these digests, whatever its size and decoder; returns how many files.

        The file shrinks once a quarter of it is empty: copying it whole for each image that goes would take long.
        """
        with self._explaining():
            kept = {bytes.fromhex(digest) for digest in sha256s}
            gone = [
                (digest,)
                for (digest,) in self._connection.execute("SELECT sha256 FROM decoded UNION SELECT sha256 FROM failed")
                if bytes(digest) not in kept
            ]
            self.remove([bytes(digest).hex() for (digest,) in gone])
            pages, free = (
                self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count")
            )
            if gone and 4 * free > pages:
                self._connection.execute("VACUUM")
        return len(gone)

    def compact(self) -> None:
        """Write the file anew without what was taken out."""
        with self._explaining():
            self._connection.execute("VACUUM")

    def remove(self, sha256s: Collection[str]) -> int:
        """Take out all that is kept of these files; returns how many were decoded."""
        keys = [(bytes.fromhex(digest),) for digest in sha256s]
        with self._explaining():
            n = self._connection.executemany("DELETE FROM decoded WHERE sha256 = ?", keys).rowcount
            for table in ("failed", "parts"):
                self._connection.executemany(f"DELETE FROM {table} WHERE sha256 = ?", keys)  # noqa: S608
            self._connection.commit()
        return max(n, 0)

    def commit(self) -> None:
        """Make all squares safe on disk."""
        with self._explaining():
            self._connection.commit()
        self._uncommitted = 0

    def _key(self, sha256: str, regions: Regions) -> tuple[bytes, int, str]:
        return bytes.fromhex(sha256), self._preparation.size_px, self._decoder(regions)

    def _failure_key(self, sha256: str, regions: Regions) -> tuple[bytes, int, str]:
        return bytes.fromhex(sha256), self._preparation.max_image_pixels, self._decoder(regions)

    def _decoder(self, regions: Regions) -> str:
        """What made the pixels, and of which parts; for greys of whole images the decoder alone."""
        return " | ".join(
            [
                self._made_by,
                *([self._preparation.key()] if self._preparation.key() else []),
                *([json.dumps(regions)] if regions else []),
            ]
        )

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise MedhashError(
                f"the decode cache {self._path} failed: {error}",
                "free space if the disk is full; if the file is damaged, delete it, it is only a cache; then run again",
            ) from error
