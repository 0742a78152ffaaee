"""Building the index folder of a method: the FAISS index, the id table beside it, and what it was built from."""

from pathlib import Path

import faiss
import pyarrow as pa

from components.contracts import ENTRIES, write_table
from components.documents import Document
from components.errors import MedhashError
from components.files import replacing_folder
from components.index.code_table import PlacedCodes

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

    gallery: in bag_id order, so that position order is id order, by which ties are settled.
    Raises MedhashError if the gallery is empty.
    """
    if not len(gallery):
        raise MedhashError(
            f"{folder}: no bag stands in the folds {' and '.join(GALLERY_FOLDS)}, so there is nothing to index",
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
