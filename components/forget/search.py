"""The proof: every byte of every file that is left, and every cell of every table, is searched for the patient."""

import gzip
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from components.forget.needles import Needles

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 16 << 20
_PARQUET, _GZIP, _ZIP = b"PAR1", b"\x1f\x8b", b"PK\x03\x04"


@dataclass
class Searched:
    """How much was searched, and (place, what was found there)."""

    n_files: int = 0
    n_bytes: int = 0
    found: list[tuple[str, str]] = field(default_factory=list)


def search_folder(root: Path, needles: Needles, skipped: frozenset[Path], searched: Searched) -> None:
    """Search all plain files below a folder, but for the skipped folders and files. Links are not followed."""
    for path in files_below(root, skipped):
        search_file(path, needles, searched)


def files_below(root: Path, skipped: frozenset[Path]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if (here / name).resolve() not in skipped)
        for name in sorted(names):
            path = here / name
            if path.is_file() and not path.is_symlink() and path.resolve() not in skipped:
                yield path


def search_file(path: Path, needles: Needles, searched: Searched, name: str = "") -> None:
    """Search a file as it is, and what it packs: the columns of Parquet, the contents of gzip and zip.

    An index of codes must hold as many as its id table has rows.
    """
    try:
        with path.open("rb") as handle:
            start = handle.read(4)
            handle.seek(0)
            found = _in_stream(handle, needles)
            searched.n_bytes += handle.tell()
    except FileNotFoundError:                       # a temporary file of another process
        return
    searched.n_files += 1
    if start == _PARQUET:
        found |= _in_parquet(path, needles)
    elif start[:2] == _GZIP:
        found |= _in_gzip(path, needles)
    elif start == _ZIP:
        found |= _in_zip(path, needles)
    searched.found += [(name or str(path), kind) for kind in sorted({needles.kinds[needle] for needle in found})]
    if path.name == "codes.faiss" and (path.parent / "entries.parquet").exists():
        from components.index.search import load_index
        load_index(path.parent)


def in_bytes(data: bytes, needles: Needles) -> bool:
    return bool(needles.in_block(data))


def _in_stream(handle: IO[bytes] | gzip.GzipFile, needles: Needles) -> set[bytes]:
    found: set[bytes] = set()
    rest = b""
    while block := handle.read(_BLOCK):
        data = rest + block
        found |= needles.in_block(data)
        rest = data[-needles.longest:]
    return found


def _in_parquet(path: Path, needles: Needles) -> set[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq
    try:
        with closing(pq.ParquetFile(path)) as file:
            return {needle for batch in file.iter_batches() for column in batch.columns
                    for needle in _in_column(column, needles)}
    except (pa.ArrowInvalid, OSError):              # begins like one and is none: searched as bytes
        return set()


def _in_column(column: "pa.Array", needles: Needles) -> set[bytes]:
    """In the buffers of a column, nested ones too, where its values stand one after the other."""
    import pyarrow as pa
    found = {needle for buffer in column.buffers() if buffer is not None
             for needle in needles.in_block(memoryview(buffer))}
    if needles.plain and pa.types.is_string(column.type):
        found |= needles.plain.intersection(value.encode() for value in column.to_pylist() if value is not None)
    return found


def _in_gzip(path: Path, needles: Needles) -> set[bytes]:
    try:
        with gzip.open(path) as handle:
            return _in_stream(handle, needles)
    except (OSError, EOFError, zlib.error):
        return set()


def _in_zip(path: Path, needles: Needles) -> set[bytes]:
    try:
        with zipfile.ZipFile(path) as packed:
            found: set[bytes] = set()
            for member in packed.infolist():
                with packed.open(member) as handle:
                    found |= _in_stream(handle, needles)
            return found
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, OSError, EOFError):
        return set()
