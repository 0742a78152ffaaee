"""Publishing: pseudonymous tables and the pixel store take the place of the last ones, all together or not at all."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from components.contracts import IMAGES, REJECTED, write_table
from components.files import replacing_folder
from components.ingest.cache import DecodeCache
from components.ingest.entries import Entries, Rejection
from components.ingest.pseudonyms import pseudonyms
from components.ingest.scan import Scan
from components.workspace import Workspace

SOURCES = pa.schema([
    pa.field("source_row", pa.int64(), metadata={"meaning": "line of the archive's table, header = 1"}),
    pa.field("image_id", pa.string(), metadata={"meaning": "keyed pseudonym of the image"}),
    pa.field("source_name", pa.string(), nullable=False, metadata={"meaning": "file name in the archive"}),
    pa.field("reason", pa.string(), metadata={"meaning": "why it was refused; null where it was taken"}),
    pa.field("detail", pa.string(), metadata={"meaning": "what was wrong"}),
    pa.field("value", pa.string(), metadata={"meaning": "the offending value, as it stands in the archive"}),
])
"""The private table: which file is which pseudonym."""


def images_table(entries: Entries, scan: Scan | None, rejected_rows: set[int], key: bytes) -> pa.Table:
    """Accepted rows in the contract IMAGES, sorted by image_id. Without a scan, sha256 and pixel_row are null."""
    rows = entries.rows[~entries.rows.index.isin(rejected_rows)].copy()
    rows["image_id"] = pseudonyms(key, "image", rows["source_name"])
    rows = rows.sort_values("image_id")
    digests = [scan.digests[name] for name in rows["source_name"]] if scan else None
    if scan and digests is not None:
        sizes = pd.DataFrame([scan.sizes[digest] for digest in digests], rows.index, ["width", "height"])
        rows["width"] = rows["width"].fillna(sizes["width"])
        rows["height"] = rows["height"].fillna(sizes["height"])
    n = len(rows)
    image_id = pa.array(rows["image_id"], pa.string())
    return pa.table({
        "image_id": image_id,
        "patient_id": pseudonyms(key, "patient", rows["patient"]),
        "study_id": pseudonyms(key, "study", rows["study"]),
        "bag_id": image_id,
        "source_row": pa.array(rows.index, pa.int64()),
        "sha256": pa.array(digests if digests is not None else [None] * n, pa.string()),
        "pixel_row": pa.array(np.arange(n) if scan else [None] * n, pa.int64()),
        "modality": pa.array(rows.get("modality", [entries.modality] * n), pa.string()),
        "organ": pa.array(rows.get("organ", [entries.organ] * n), pa.string()),
        **{name: pa.array(rows[name], IMAGES.field(name).type, from_pandas=True) if name in rows
           else pa.nulls(n, IMAGES.field(name).type)
           for name in ("view", "laterality", "sex", "age", "width", "height", "pixel_spacing", "burned_in",
                        "official_fold")},
        "labels": _labels(rows["labels"], entries.attribute),
    })


def rejected_table(rejections: list[Rejection], key: bytes) -> pa.Table:
    """Rejections in the contract REJECTED, by row, files without a row last."""
    image_ids = pseudonyms(key, "image", [rejection.source_name for rejection in rejections])
    rows = sorted(((rejection.source_row, image_id if rejection.source_name else None, rejection.reason,
                    rejection.detail) for rejection, image_id in zip(rejections, image_ids, strict=True)),
                  key=lambda row: (row[0] is None, row[0] or 0, row[1] or ""))
    columns = zip(*rows, strict=True) if rows else ([], [], [], [])
    return pa.table({field.name: pa.array(list(column), field.type)
                     for field, column in zip(REJECTED, columns, strict=True)})


def sources_table(entries: Entries, rejections: list[Rejection], key: bytes) -> pa.Table:
    """The private table SOURCES: every row and every refused file under its own name."""
    refused = {rejection.source_row for rejection in rejections}
    taken = entries.rows.loc[~entries.rows.index.isin(refused), "source_name"]
    rows: list[tuple[int | None, str, str | None, str | None, str | None]] = [
        (line, name, None, None, None) for line, name in zip(taken.index.tolist(), taken.tolist(), strict=True)]
    rows += [(rejection.source_row, rejection.source_name, rejection.reason, rejection.detail, rejection.value)
             for rejection in rejections]
    rows.sort(key=lambda row: (row[0] is None, row[0] or 0, row[1]))
    line, name, reason, detail, value = zip(*rows, strict=True)
    return pa.table({"source_row": pa.array(line, pa.int64()), "image_id": pseudonyms(key, "image", name),
                     "source_name": name, "reason": pa.array(reason, pa.string()),
                     "detail": pa.array(detail, pa.string()), "value": pa.array(value, pa.string())})


def publish(workspace: Workspace, images: pa.Table, rejected: pa.Table, cache: DecodeCache | None,
            size_px: int) -> None:
    """Write images, rejected and, with a cache, the pixel store into a folder that replaces the last one."""
    with replacing_folder(workspace.images.parent) as folder:
        write_table(folder / workspace.images.name, images, IMAGES)
        write_table(folder / workspace.rejected.name, rejected, REJECTED)
        if cache is not None:
            _write_pixels(folder / workspace.pixels.name, images["sha256"].to_pylist(), cache, size_px)


def write_private(workspace: Workspace, name: str, sources: pa.Table) -> Path:
    """Write the private table, in a folder that only its owner may enter."""
    workspace.private.mkdir(parents=True, exist_ok=True, mode=0o700)
    workspace.private.chmod(0o700)
    path = workspace.private / name
    write_table(path, sources, SOURCES)
    return path


def _write_pixels(path: Path, digests: list[str], cache: DecodeCache, size_px: int) -> None:
    """A .npy file, written front to back: a full disk is an error here, under a memory map it would be a SIGBUS."""
    with path.open("wb") as handle:
        np.lib.format.write_array_header_1_0(handle, {
            "descr": "|u1", "fortran_order": False, "shape": (len(digests), 1, size_px, size_px)})
        for digest in digests:
            handle.write(cache.pixels(digest))


def _labels(texts: pd.Series, attribute: str) -> pa.Array:
    """`A|B` → [{attribute, A}, {attribute, B}] for every row."""
    split = pc.split_pattern(pa.array(texts, pa.string()), "|")
    names = pc.utf8_trim_whitespace(split.values)
    attributes = pa.array([attribute], pa.string()).take(pa.array(np.zeros(len(names), np.int64)))
    structs = pa.StructArray.from_arrays([attributes, names], fields=list(IMAGES.field("labels").type.value_type))
    return pa.ListArray.from_arrays(split.offsets, structs)
