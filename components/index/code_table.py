"""The code table of a method, and the join that gives each code its patient, fold and label set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from components.contracts import codes_schema, read_table
from components.documents import Document, SubCode
from components.errors import MedhashError


class CodeInfo(Document):
    """What a code table's schema metadata holds under the key `medhash`."""

    method: str
    bits: int
    model_digest: str
    sub_codes: list[SubCode]


@dataclass(frozen=True)
class PlacedCodes:
    """Codes in image_id order, each with what the other tables know of its image."""

    image_ids: np.ndarray
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
        kept = np.isin(self.folds, folds)
        return PlacedCodes(self.image_ids[kept], self.patient_ids[kept], self.folds[kept], self.set_ids[kept],
                           self.codes[kept])


def read_codes(path: Path) -> pa.Table:
    """Read codes/METHOD.parquet and check it against its contract, whatever its width."""
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "run the stage encode for this method, or `dvc repro`")
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise MedhashError(f"{path} is not a readable Parquet file ({error})",
                           "restore it with `dvc checkout`, or run the stage encode again") from error
    return read_table(path, codes_schema(code_info(schema, str(path)).bits))


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


def place_codes(codes: pa.Table, split: pa.Table, labels: pa.Table) -> PlacedCodes:
    """Join codes with contracts SPLIT and LABELS; a labelled image without pixels has no code and stays out.

    Raises MedhashError if an image with a code has no label set or no fold, or if the tables disagree on its fold.
    """
    codes = codes.sort_by("image_id")
    image_ids = codes["image_id"].combine_chunks()
    labels = labels.take(_rows_of(image_ids, labels, "has a code but no label set"))
    split = split.take(_rows_of(image_ids, split, "has a code but no fold"))
    for name, table in (("split", split), ("labels", labels)):
        differing = pc.index(pc.not_equal(codes["fold"], table["fold"]), True).as_py()
        if differing >= 0:
            raise MedhashError(f"image {image_ids[differing]} stands in another fold in the code table than in "
                               f"{name}.parquet", "run the stages labels and encode again")
    return PlacedCodes(_strings(image_ids), _strings(split["patient_id"]), _strings(split["fold"]),
                       labels["set_id"].to_numpy(), unpacked_bytes(codes["code"].combine_chunks()))


def unpacked_bytes(packed: pa.FixedSizeBinaryArray) -> np.ndarray:
    """The codes of a column as uint8, (N, bits / 8)."""
    width = packed.type.byte_width
    array = np.frombuffer(packed.buffers()[1], np.uint8) if len(packed) else np.empty(0, np.uint8)
    return array[packed.offset * width:(packed.offset + len(packed)) * width].reshape(len(packed), width)


def _rows_of(image_ids: pa.Array, table: pa.Table, problem: str) -> pa.Array:
    rows = pc.index_in(image_ids, value_set=table["image_id"].combine_chunks())
    if rows.null_count:
        missing = image_ids[pc.index(rows.is_null(), True).as_py()]
        raise MedhashError(f"image {missing} {problem} ({rows.null_count} such images)",
                           "run the stage encode again for this method")
    return rows


def _strings(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=str)
