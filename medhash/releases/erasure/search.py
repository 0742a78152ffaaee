"""The proof: every byte of every file that is left, and every cell of every table, is searched for the patient."""

import gzip
import os
import string
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


_WORD = 8
_HEX = frozenset(string.hexdigits.lower().encode())
_PLAIN = 6
SHORTEST = 2 * _WORD - 1
"""Bytes a pattern must have: then it holds a whole word wherever it begins."""


class Patterns:
    """Byte strings to look for, each with a word on what it is.

    Wherever a pattern of 15 bytes or more begins, it covers a word of 8 bytes that is aligned in the block. So a block
    is looked at as words once, and only where a word is one of the patterns' own are the bytes compared.
    A pattern of fewer than six different bytes, such as 15 zeros and a one, must stand alone: many longer numbers hold
    it, and no keyed digest gives it.
    """

    def __init__(self, patterns: dict[bytes, str]) -> None:
        self.kinds = {pattern: kind for pattern, kind in patterns.items() if len(pattern) >= SHORTEST}
        self.plain = frozenset(pattern for pattern in self.kinds if len(set(pattern)) < _PLAIN)
        self.longest = max(map(len, self.kinds), default=0)
        owners = [
            (np.frombuffer(pattern[at : at + _WORD], np.uint64)[0], at, pattern)
            for pattern in self.kinds
            for at in range(_WORD)
        ]
        owners.sort(key=lambda owner: owner[0])
        self._owners = owners
        self._words = np.array([owner[0] for owner in owners], np.uint64)
        self._starts = np.zeros(1 << 16, dtype=bool)
        self._starts[(self._words & np.uint64(0xFFFF)).astype(np.int64)] = True

    def __len__(self) -> int:
        return len(self.kinds)

    def in_block(self, block: bytes | memoryview) -> set[bytes]:
        """The patterns that the block holds."""
        data = bytes(block)
        if not self.kinds or len(data) < SHORTEST:
            return set()
        words = np.frombuffer(data, np.uint64, len(data) // _WORD)
        places = np.flatnonzero(self._starts[words.view(np.uint16)[::4]])
        first = np.searchsorted(self._words, words[places])
        first[first == len(self._words)] = 0
        found: set[bytes] = set()
        for place, number in zip(
            places[self._words[first] == words[places]].tolist(),
            first[self._words[first] == words[places]].tolist(),
            strict=True,
        ):
            word = self._owners[number][0]
            while number < len(self._owners) and self._owners[number][0] == word:
                _, at, pattern = self._owners[number]
                start = place * _WORD - at
                end = start + len(pattern)
                if (
                    start >= 0
                    and data[start:end] == pattern
                    and (
                        pattern not in self.plain
                        or _HEX.isdisjoint(data[max(start - 1, 0) : start] + data[end : end + 1])
                    )
                ):
                    found.add(pattern)
                number += 1
        return found


_BLOCK = 16 << 20
_PARQUET, _GZIP, _ZIP = b"PAR1", b"\x1f\x8b", b"PK\x03\x04"


@dataclass
class Searched:
    """How much was searched, and (place, what was found there)."""

    n_files: int = 0
    n_bytes: int = 0
    found: list[tuple[str, str]] = field(default_factory=list)
    n_damaged: int = 0
    """Files that pack something and could not be unpacked to their end: searched up to there, and as bytes."""


def search_folder(root: Path, patterns: Patterns, skipped: frozenset[Path], searched: Searched) -> None:
    """Search all plain files below a folder, but for the skipped folders and files. Links are not followed."""
    for path in files_below(root, skipped):
        search_file(path, patterns, searched)


def files_below(root: Path, skipped: frozenset[Path]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if (here / name).resolve() not in skipped)
        for name in sorted(names):
            path = here / name
            if path.is_file() and not path.is_symlink() and path.resolve() not in skipped:
                yield path


def search_file(path: Path, patterns: Patterns, searched: Searched, name: str = "") -> None:
    """Search a file as it is, and what it packs: the columns of Parquet, the contents of gzip and zip.

    An index of codes must hold as many as its id table has rows.
    """
    try:
        with path.open("rb") as handle:
            start = handle.read(4)
            handle.seek(0)
            found: set[bytes] = set()
            _in_stream(handle, patterns, found)
            searched.n_bytes += handle.tell()
    except FileNotFoundError:  # a temporary file of another process
        return
    searched.n_files += 1
    for magic, unpack in ((_PARQUET, _in_parquet), (_GZIP, _in_gzip), (_ZIP, _in_zip)):
        if start.startswith(magic) and not unpack(path, patterns, found):
            searched.n_damaged += 1
    searched.found += [(name or str(path), kind) for kind in sorted({patterns.kinds[pattern] for pattern in found})]
    if path.name == "codes.faiss" and (path.parent / "entries.parquet").exists():
        from medhash.retrieval.index import load_index

        load_index(path.parent)


def in_bytes(data: bytes, patterns: Patterns) -> bool:
    return bool(patterns.in_block(data))


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


def _in_stream(handle: _Stream, patterns: Patterns, found: set[bytes]) -> None:
    """Add each pattern to `found` as soon as it is read: what comes before a damaged place counts."""
    rest = b""
    while block := handle.read1(_BLOCK):
        data = rest + block
        found |= patterns.in_block(data)
        rest = data[-patterns.longest :]


def _in_parquet(path: Path, patterns: Patterns, found: set[bytes]) -> bool:
    """Whether it could be read to its end; so are the two below."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with closing(pq.ParquetFile(path)) as file:
            for batch in file.iter_batches():
                for column in batch.columns:
                    found |= _in_column(column, patterns)
    except (pa.ArrowInvalid, OSError):
        return False
    return True


def _in_column(column: "pa.Array", patterns: Patterns) -> set[bytes]:
    """In the buffers of a column, nested ones too, where its values lie one after the other."""
    import pyarrow as pa

    found = {
        pattern
        for buffer in column.buffers()
        if buffer is not None
        for pattern in patterns.in_block(memoryview(buffer))
    }
    if patterns.plain and pa.types.is_string(column.type):
        found |= patterns.plain.intersection(value.encode() for value in column.to_pylist() if value is not None)
    return found


def _in_gzip(path: Path, patterns: Patterns, found: set[bytes]) -> bool:
    try:
        with gzip.open(path) as handle:
            _in_stream(handle, patterns, found)
    except (OSError, EOFError, zlib.error):
        return False
    return True


def _in_zip(path: Path, patterns: Patterns, found: set[bytes]) -> bool:
    """NotImplementedError is a way of packing that is not known here, RuntimeError a password."""
    try:
        with zipfile.ZipFile(path) as packed:
            for member in packed.infolist():
                with packed.open(member) as handle:
                    _in_stream(cast(zipfile.ZipExtFile, handle), patterns, found)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, OSError, EOFError):
        return False
    return True
