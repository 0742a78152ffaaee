"""The journal of a forgetting: whom, why, and what was found and done so far, so that one that was cut off can go on.

It is the one place that still names the patient (var/forgetting.json, for its owner only), and goes once nothing is
found any more.
"""

import os
import sqlite3
import uuid
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from medhash.core.contracts import IMAGES, read_table
from medhash.core.documents import Document
from medhash.core.workspace import Workspace
from medhash.releases.erasure.search import Patterns

_PIECE_BYTES = 64
_PIECES = 4
_MIN_GREYS = 8
"""A piece whose first 16 pixels have fewer greys might be any picture's."""
_BLOCK = 1024


class Traces(Document):
    """Of one patient. Identifying: lies nowhere but in the journal of a forgetting that is not finished yet."""

    pseudonym: str
    image_ids: list[str] = Field(default_factory=list)
    bag_ids: list[str] = Field(default_factory=list)
    study_ids: list[str] = Field(default_factory=list)
    sha256s: list[str] = Field(default_factory=list)
    """Of the source files, hex."""
    pieces: list[str] = Field(default_factory=list)
    """Bytes that only this patient's stored squares hold, hex."""
    n_plain: int = 0
    """Squares that are too plain, or too like another patient's, to be looked for."""

    def with_more(self, other: "Traces") -> "Traces":
        return Traces(
            pseudonym=self.pseudonym,
            n_plain=max(self.n_plain, other.n_plain),
            **{
                key: sorted({*getattr(self, key), *getattr(other, key)})
                for key in ("image_ids", "bag_ids", "study_ids", "sha256s", "pieces")
            },
        )

    @property
    def is_empty(self) -> bool:
        return not self.image_ids

    def patterns(self) -> dict[bytes, str]:
        """What to look for, each with a word that does not tell it."""
        found = {self.pseudonym.encode(): "the pseudonym of the patient"}
        found |= {
            text.encode(): "the id of an image, bag or study of the patient"
            for text in (*self.image_ids, *self.bag_ids, *self.study_ids)
        }
        found |= {text.encode(): "the digest of a file of the patient" for text in self.sha256s}
        found |= {
            bytes.fromhex(text): "the digest of a file of the patient"
            for text in self.sha256s
            if len(set(bytes.fromhex(text))) >= _MIN_GREYS
        }
        return found | {bytes.fromhex(text): "pixels of the patient" for text in self.pieces}


def patterns_of(traces: Iterable[Traces]) -> Patterns:
    return Patterns({pattern: kind for trace in traces for pattern, kind in trace.patterns().items()})


def traces_in_tables(workspace: Workspace, pseudonym: str) -> Traces:
    """What images.parquet, the pixel store and the decode cache of one workspace hold of the patient."""
    if not workspace.images.exists():
        return Traces(pseudonym=pseudonym)
    images = read_table(workspace.images, IMAGES)
    own = pc.equal(images["patient_id"], pseudonym)
    mine, others = images.filter(own), images.filter(pc.invert(own))
    if not len(mine):
        return Traces(pseudonym=pseudonym)
    sha256s = sorted(set(mine["sha256"].drop_null().to_pylist()) - set(others["sha256"].drop_null().to_pylist()))
    squares = _stored(workspace.pixels, mine) + _cached(workspace.decode_cache, sha256s)
    pieces = {piece: number for number, square in enumerate(squares) for piece in _pieces(square)}
    shared = _shared(workspace.pixels, others, Patterns(dict.fromkeys(pieces, "")))
    kept = {piece: number for piece, number in pieces.items() if piece not in shared}
    return Traces(
        pseudonym=pseudonym,
        image_ids=mine["image_id"].to_pylist(),
        bag_ids=sorted(set(mine["bag_id"].to_pylist())),
        study_ids=sorted(set(mine["study_id"].to_pylist()) - set(others["study_id"].to_pylist())),
        sha256s=sha256s,
        pieces=sorted(piece.hex() for piece in kept),
        n_plain=len(set(range(len(squares))) - set(kept.values())),
    )


def traces_in_release(folder: Path, pseudonym: str) -> Traces:
    """What the tables of a release folder (or of what of it is there) hold of the patient, whatever its format."""
    ids: dict[str, set[str]] = {"image_id": set(), "bag_id": set()}
    sha256s: set[str] = set()
    others: set[str] = set()
    for path in sorted(folder.rglob("*.parquet")):
        table = pq.read_table(path)
        if "patient_id" in table.column_names:
            own = pc.equal(table["patient_id"], pseudonym)
            for name in ids.keys() & set(table.column_names):
                ids[name].update(table.filter(own)[name].to_pylist())
            if "sha256" in table.column_names:
                sha256s.update(table.filter(own)["sha256"].drop_null().to_pylist())
                others.update(table.filter(pc.invert(own))["sha256"].drop_null().to_pylist())
    return Traces(
        pseudonym=pseudonym,
        image_ids=sorted(ids["image_id"]),
        bag_ids=sorted(ids["bag_id"]),
        sha256s=sorted(sha256s - others),
    )


def _stored(path: Path, images: pa.Table) -> list[bytes]:
    if not path.exists():
        return []
    pixels = np.load(path, mmap_mode="r")
    return [pixels[row].tobytes() for row in images["pixel_row"].drop_null().to_pylist() if row < len(pixels)]


def _cached(path: Path, sha256s: list[str]) -> list[bytes]:
    """Squares of these files at any size, by any decoder."""
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    try:
        return [
            bytes(row[0])
            for digest in sha256s
            for row in connection.execute("SELECT pixels FROM decoded WHERE sha256 = ?", (bytes.fromhex(digest),))
        ]
    finally:
        connection.close()


def _pieces(square: bytes) -> list[bytes]:
    """Up to four pieces of a square, one from each quarter, that are no plain background."""
    pieces, quarter = [], len(square) // _PIECES
    for number in range(_PIECES):
        for start in range(number * quarter, (number + 1) * quarter - _PIECE_BYTES + 1, _PIECE_BYTES // 2):
            piece = square[start : start + _PIECE_BYTES]
            if len(set(piece[:16])) >= _MIN_GREYS:
                pieces.append(piece)
                break
    return pieces


def _shared(path: Path, others: pa.Table, pieces: Patterns) -> set[bytes]:
    """Pieces that another patient's square holds too."""
    if not path.exists() or not len(pieces):
        return set()
    pixels = np.load(path, mmap_mode="r")
    rows = sorted(row for row in others["pixel_row"].drop_null().to_pylist() if row < len(pixels))
    return set().union(
        *(pieces.in_block(pixels[rows[start : start + _BLOCK]].tobytes()) for start in range(0, len(rows), _BLOCK))
    )


class Journal(Document):
    """What is under way."""

    act: str
    """Stands in the audit log too, so that a forgetting that was cut off at its end is not written down twice."""
    reason: str
    who: str
    patients: list[Traces]
    n_files_removed: int
    scrubbed: dict[str, str]
    """`NAME VERSION` of a release that was remade → its new version."""
    deleted: list[str]
    """`NAME VERSION` of versions that were deleted, and `a model of no version`."""


def journal_path(workspace: Workspace) -> Path:
    return workspace.state / "forgetting.json"


def read_journal(workspace: Workspace) -> Journal | None:
    path = journal_path(workspace)
    return Journal.read(path) if path.exists() else None


def new_journal(reason: str, who: str) -> Journal:
    return Journal(
        act=uuid.uuid4().hex, reason=reason, who=who, patients=[], n_files_removed=0, scrubbed={}, deleted=[]
    )


def write_journal(workspace: Workspace, journal: Journal) -> None:
    before = os.umask(0o077)
    try:
        journal.write(journal_path(workspace))
    finally:
        os.umask(before)


def end_journal(workspace: Workspace) -> None:
    """Overwrite and remove it."""
    path = journal_path(workspace)
    if path.exists():
        with path.open("r+b") as handle:
            handle.write(b"\0" * path.stat().st_size)
            handle.flush()
            os.fsync(handle.fileno())
        path.unlink()
