"""The FAISS index of a gallery: written, loaded and searched; and which images of two cases match best."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
import pyarrow as pa

from medhash.core.contracts import ENTRIES, read_table, write_table
from medhash.core.documents import Document
from medhash.core.errors import MedhashError
from medhash.core.files import replacing_folder, sha256_file
from medhash.retrieval.code_table import PlacedCodes

GALLERY_FOLDS = ("train", "val")


class IndexInfo(Document):
    """index.json: the size of the index, and the model and code table it was built from."""

    bits: int
    n: int
    model_digest: str
    codes_sha256: str
    """SHA-256 of the code table's file."""


def write_index(folder: Path, gallery: PlacedCodes, model_digest: str, codes_sha256: str) -> IndexInfo:
    """Write codes.faiss (IndexBinaryFlat), entries.parquet (row = position) and index.json, whole or not at all.

    gallery: in bag_id order, so that ties by position are ties by id.
    Raises MedhashError if the gallery is empty.
    """
    if not len(gallery):
        raise MedhashError(
            f"{folder}: no bag is in the folds {' and '.join(GALLERY_FOLDS)}, so there is nothing to index",
            "set split.test_share in params.yaml so that images remain",
        )
    info = IndexInfo(
        bits=8 * gallery.codes.shape[1], n=len(gallery), model_digest=model_digest, codes_sha256=codes_sha256
    )
    index = faiss.IndexBinaryFlat(info.bits)
    index.add(gallery.codes)
    entries = pa.table(
        {"bag_id": gallery.bag_ids, "patient_id": gallery.patient_ids, "set_id": pa.array(gallery.set_ids, pa.int32())}
    )
    with replacing_folder(folder) as temporary:
        faiss.write_index_binary(index, str(temporary / "codes.faiss"))
        write_table(temporary / "entries.parquet", entries, ENTRIES)
        info.write(temporary / "index.json")
    return info


_REBUILD = "restore it with `dvc checkout`, or run the stage index again for this method"


class IndexEntry(NamedTuple):
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


def search(index: Index, code: np.ndarray, k: int, exclude_patient: str | None = None) -> list[IndexEntry]:
    """The k nearest entries by (distance, bag_id), entries of `exclude_patient` left out; all of them if k is more.

    Raises as `ranked_positions` does.
    """
    return [
        IndexEntry(index.bag_ids[position].as_py(), distance, int(index.set_ids[position]))
        for distance, position in ranked_positions(index, code, k, exclude_patient)
    ]


def ranked_positions(
    index: Index, code: np.ndarray, k: int, exclude_patient: str | None = None
) -> list[tuple[int, int]]:
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
    # At least k of the first k + n_own entries are of other patients. FAISS keeps the lowest position among equal
    # distances, and position order is bag_id order (tested).
    distances, positions = index.faiss_index.search(code, min(k + n_own, index.info.n))
    return [
        (int(distance), int(position))
        for distance, position in zip(distances[0], positions[0], strict=True)
        if index.patient_of[position] != own
    ][:k]


class Pair(NamedTuple):
    """Two images by their places in their cases."""

    first: int
    second: int
    distance: int
    """Bits in which their codes differ."""


class ImageCodes(NamedTuple):
    """The images of a case, and the code of each by itself."""

    image_ids: list[str]
    codes: np.ndarray
    """uint8, (n, bits / 8)"""


def nearest_pair(first: np.ndarray, second: np.ndarray) -> Pair:
    """The pair at the least Hamming distance; of equally near ones the first by first's order, then by second's.

    first: codes of a case's images, uint8 (m, bits / 8); second: of another's, (n, bits / 8).
    """
    distances = np.bitwise_count(first[:, np.newaxis] ^ second).sum(axis=2, dtype=np.int64)  # (m, n)
    place = int(distances.argmin())
    return Pair(place // len(second), place % len(second), int(distances.flat[place]))


class KeptCodes:
    """The codes of single images in a code table, which holds them where encode.instances asks for it."""

    def __init__(self, codes: pa.Table) -> None:
        self._instances = codes["instances"].combine_chunks()
        rows = np.flatnonzero(self._instances.is_valid().to_numpy(zero_copy_only=False))
        self._row_of = dict(zip(codes["bag_id"].take(rows).to_pylist(), rows.tolist(), strict=True))

    def __bool__(self) -> bool:
        return bool(self._row_of)

    def of(self, bag_id: str) -> ImageCodes | None:
        """The images of a bag in image_id order; None where the table does not keep them."""
        row = self._row_of.get(bag_id)
        if row is None:
            return None
        kept = self._instances[row].as_py()
        codes = np.frombuffer(b"".join(image["code"] for image in kept), np.uint8)
        return ImageCodes([image["image_id"] for image in kept], codes.reshape(len(kept), -1))
