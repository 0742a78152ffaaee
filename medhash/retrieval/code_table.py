"""The code table of a method, and its join with patients, folds and label sets."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from medhash.core.contracts import codes_schema, is_certain, read_table
from medhash.core.documents import Document, SubCode
from medhash.core.errors import MedhashError


class CodeInfo(Document):
    """The content of a code table's schema metadata, under the key `medhash`."""

    method: str
    bits: int
    model_digest: str
    sub_codes: list[SubCode]
    memberships: dict[str, list[str]] = Field(default_factory=dict)
    """Attribute → its values, in the order of the column `membership`; empty where there is none."""


@dataclass(frozen=True)
class PlacedCodes:
    """Codes in bag_id order, each with its bag's patient, fold and label set."""

    bag_ids: np.ndarray
    """str, (N,)"""
    patient_ids: np.ndarray
    """str, (N,)"""
    folds: np.ndarray
    """str, (N,)"""
    set_ids: np.ndarray
    """int32, (N,)"""
    codes: np.ndarray
    """uint8, (N, bits / 8)"""

    def __len__(self) -> int:
        return len(self.codes)

    def of_folds(self, *folds: str) -> "PlacedCodes":
        """The rows of these folds, order kept."""
        return self.take(np.isin(self.folds, folds))

    def take(self, kept: np.ndarray) -> "PlacedCodes":
        """The rows where this mask holds, or at these places."""
        return PlacedCodes(
            self.bag_ids[kept], self.patient_ids[kept], self.folds[kept], self.set_ids[kept], self.codes[kept]
        )

    def with_codes(self, codes: np.ndarray) -> "PlacedCodes":
        """The same cases under other codes, uint8 (N, bytes)."""
        return PlacedCodes(self.bag_ids, self.patient_ids, self.folds, self.set_ids, codes)


def read_codes(path: Path) -> pa.Table:
    """Read codes/METHOD.parquet and check it against its contract, whatever its width."""
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "run the stage encode for this method, or `dvc repro`")
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise MedhashError(
            f"{path} is not a readable Parquet file ({error})",
            "restore it with `dvc checkout`, or run the stage encode again",
        ) from error
    return read_table(path, codes_schema(code_info(schema, str(path)).bits, is_certain(schema)))


def code_info(schema: pa.Schema, name: str = "the code table") -> CodeInfo:
    """What the schema metadata says of the codes.

    Raises MedhashError naming the table if the metadata is missing or not as `codes_schema` describes it.
    """
    text = (schema.metadata or {}).get(b"medhash")
    if text is None:
        raise MedhashError(f"{name}: the schema metadata has no key medhash", "run the stage encode again")
    try:
        return CodeInfo.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "medhash"
        raise MedhashError(f"{name}: schema metadata: {key}: {first['msg']}", "run the stage encode again") from error


def place_codes(codes: pa.Table, labels: pa.Table) -> PlacedCodes:
    """Join codes with contract LABELS; a labelled bag without pixels has no code and stays out.

    Raises MedhashError if a bag with a code has no label set, or if the tables disagree on its fold.
    """
    codes = codes.sort_by("bag_id")
    bag_ids = codes["bag_id"].combine_chunks()
    rows = pc.index_in(bag_ids, value_set=labels["bag_id"].combine_chunks())
    if rows.null_count:
        missing = bag_ids[pc.index(rows.is_null(), True).as_py()]
        raise MedhashError(
            f"bag {missing} has a code but no label set ({rows.null_count} such bags)",
            "run the stage encode again for this method",
        )
    labels = labels.take(rows)
    differing = pc.index(pc.not_equal(codes["fold"], labels["fold"]), True).as_py()
    if differing >= 0:
        raise MedhashError(
            f"bag {bag_ids[differing]} is in another fold in the code table than in labels.parquet",
            "run the stages labels and encode again",
        )
    return PlacedCodes(
        _strings(bag_ids),
        _strings(labels["patient_id"]),
        _strings(labels["fold"]),
        labels["set_id"].to_numpy(),
        unpacked_bytes(codes["code"].combine_chunks()),
    )


def unpacked_bytes(packed: pa.FixedSizeBinaryArray) -> np.ndarray:
    """The codes of a column as uint8, (N, bits / 8)."""
    width = packed.type.byte_width
    array = np.frombuffer(packed.buffers()[1], np.uint8) if len(packed) else np.empty(0, np.uint8)
    return array[packed.offset * width : (packed.offset + len(packed)) * width].reshape(len(packed), width)


def _strings(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=str)
