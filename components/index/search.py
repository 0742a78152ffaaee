"""Exact nearest neighbours in a FAISS binary index, with stable ties and without the asker's own patient."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
import pyarrow as pa

from components.contracts import ENTRIES, read_table
from components.errors import MedhashError
from components.files import sha256_file
from components.index.build import IndexInfo

_REBUILD = "restore it with `dvc checkout`, or run the stage index again for this method"


class Neighbour(NamedTuple):
    """An entry of the index and its Hamming distance (bits) from the query."""

    bag_id: str
    distance: int
    set_id: int


@dataclass(frozen=True)
class Index:
    """A loaded index folder."""

    info: IndexInfo
    faiss_index: Any
    bag_ids: pa.ChunkedArray
    set_ids: np.ndarray
    """int32, (n,)"""
    patient_of: np.ndarray
    """int32, (n,): number of each entry's patient."""
    patient_number: dict[str, int]
    """Patient pseudonym → number."""
    n_entries_of: np.ndarray
    """int64, (patients,)"""


def load_index(folder: Path) -> Index:
    """Read an index folder.

    Raises MedhashError naming the file if one is missing or unreadable, or if index, id table and index.json
    disagree on their size or width.
    """
    info = IndexInfo.read(folder / "index.json")
    entries = read_table(folder / "entries.parquet", ENTRIES)
    path = folder / "codes.faiss"
    try:
        index = faiss.read_index_binary(str(path))
    except RuntimeError as error:
        raise MedhashError(f"{path} is not a readable FAISS index", _REBUILD) from error
    if not index.ntotal == info.n == entries.num_rows:
        raise MedhashError(
            f"{path} holds {index.ntotal} codes, {folder / 'entries.parquet'} {entries.num_rows} rows "
            f"and {folder / 'index.json'} says {info.n}",
            _REBUILD,
        )
    if index.d != info.bits:
        raise MedhashError(f"{path} holds codes of {index.d} bits, {folder / 'index.json'} says {info.bits}", _REBUILD)
    patients = entries["patient_id"].combine_chunks().dictionary_encode()
    patient_of = patients.indices.to_numpy()
    return Index(
        info,
        index,
        entries["bag_id"],
        entries["set_id"].to_numpy(),
        patient_of,
        {patient: number for number, patient in enumerate(patients.dictionary.to_pylist())},
        np.bincount(patient_of),
    )


def require_built_from(index: Index, folder: Path, code_path: Path, codes: pa.Table) -> None:
    """Raise MedhashError naming both files if the index was built from another code table.

    codes: the table read from code_path.
    """
    bits = 8 * codes.schema.field("code").type.byte_width
    if index.info.bits != bits:
        raise MedhashError(
            f"{folder / 'codes.faiss'} holds codes of {index.info.bits} bits, {code_path} of {bits}",
            "run the stage index again for this method",
        )
    if index.info.codes_sha256 != sha256_file(code_path):
        raise MedhashError(
            f"{folder / 'codes.faiss'} was built from another version of {code_path}",
            "run the stage index again for this method",
        )


def search(index: Index, code: np.ndarray, k: int, exclude_patient: str | None = None) -> list[Neighbour]:
    """The k nearest entries by (distance, bag_id), entries of `exclude_patient` left out; all of them if k is more.

    Raises as `ranked` does.
    """
    return [
        Neighbour(index.bag_ids[position].as_py(), distance, int(index.set_ids[position]))
        for distance, position in ranked(index, code, k, exclude_patient)
    ]


def ranked(index: Index, code: np.ndarray, k: int, exclude_patient: str | None = None) -> list[tuple[int, int]]:
    """(distance, position) of the k nearest entries in that order, entries of `exclude_patient` left out.

    code: uint8, (bits / 8,) or (1, bits / 8). Runs on one thread: on a busy machine FAISS's default pool makes a
    single query slower, not faster. Raises MedhashError if the code's width is not the index's, or k < 1.
    """
    code = np.ascontiguousarray(code, np.uint8).reshape(1, -1)
    if 8 * code.shape[1] != index.info.bits:
        raise MedhashError(
            f"the query's code has {8 * code.shape[1]} bits, the index {index.info.bits}",
            "use the index that was built with the same model",
        )
    if k < 1:
        raise MedhashError(f"k is {k}", "ask for at least one neighbour")
    faiss.omp_set_num_threads(1)
    own = index.patient_number.get(exclude_patient, -1) if exclude_patient is not None else -1
    n_own = int(index.n_entries_of[own]) if own >= 0 else 0
    # However near the patient's own entries lie, k others are among the first k + n_own. FAISS keeps the lowest
    # position among equal distances, and position order is bag_id order (a test holds it to that).
    distances, positions = index.faiss_index.search(code, min(k + n_own, index.info.n))
    return [
        (int(distance), int(position))
        for distance, position in zip(distances[0], positions[0], strict=True)
        if index.patient_of[position] != own
    ][:k]
