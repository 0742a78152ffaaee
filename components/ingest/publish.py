"""Publishing: pseudonymous tables and the pixel store take the place of the last ones, all together or not at all."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from components.ingest.pool import Wanted
from components.ingest.scan import Scan
from medhash.archives.decode_cache import DecodeCache, Shape
from medhash.archives.entries import Entries, Rejection
from medhash.archives.preparation import Preparation, Region
from medhash.archives.pseudonyms import pseudonyms
from medhash.core.contracts import IMAGES, REJECTED, write_table
from medhash.core.files import replacing_folder
from medhash.core.workspace import Workspace

SOURCES = pa.schema(
    [
        pa.field("source_row", pa.int64(), metadata={"meaning": "line of the archive's table, header = 1"}),
        pa.field("image_id", pa.string(), metadata={"meaning": "keyed pseudonym of the image"}),
        pa.field("source_name", pa.string(), nullable=False, metadata={"meaning": "file name in the archive"}),
        pa.field("reason", pa.string(), metadata={"meaning": "why it was refused; null where it was taken"}),
        pa.field("detail", pa.string(), metadata={"meaning": "what was wrong"}),
        pa.field("value", pa.string(), metadata={"meaning": "the offending value, as it stands in the archive"}),
    ]
)
"""The private table: which file is which pseudonym. A file that was cut has its own, not those of its parts."""
_FURTHER = "labels:"


def images_table(entries: Entries, scan: Scan | None, rejected_rows: set[int], key: bytes) -> pa.Table:
    """Accepted rows in the contract IMAGES, a row per instance, sorted by image_id.

    The pseudonym of a part is that of its file's name and its region. The bag is the archive's; where it has none, it
    is the file, under its own pseudonym. Without a scan every file is whole, and sha256 and pixel_row are null.
    """
    rows = entries.rows[~entries.rows.index.isin(rejected_rows)].copy()
    rows["bag_id"] = bag_ids(rows, key)
    regions: list[Region | None] = [None] * len(rows)
    if scan:
        shapes = [scan.shapes[scan.wanted(name)] for name in rows["source_name"]]
        sizes = pd.DataFrame([shape[:2] for shape in shapes], rows.index, ["width", "height"])
        # a part's region counts px of the file, which may be a smaller copy of the image that the table describes
        whole = pd.Series([shape.regions == (None,) for shape in shapes], rows.index)
        rows["width"] = rows["width"].where(whole).fillna(sizes["width"])
        rows["height"] = rows["height"].where(whole).fillna(sizes["height"])
        rows["sha256"] = [scan.digests[name] for name in rows["source_name"]]
        regions = [region for shape in shapes for region in shape.regions]
        rows = rows.loc[rows.index.repeat([len(shape.regions) for shape in shapes])]
    rows["image_id"] = pseudonyms(key, "image", map(_part_name, rows["source_name"], regions))
    rows["region"] = pd.Series(regions, rows.index, dtype=object)
    rows = rows.sort_values("image_id")
    n = len(rows)
    return pa.table(
        {
            "image_id": pa.array(rows["image_id"], pa.string()),
            "patient_id": pseudonyms(key, "patient", rows["patient"]),
            "study_id": pseudonyms(key, "study", rows["study"]),
            "bag_id": pa.array(rows["bag_id"], pa.string()),
            "source_row": pa.array(rows.index, pa.int64()),
            "sha256": pa.array(rows["sha256"] if scan else [None] * n, pa.string()),
            "pixel_row": pa.array(np.arange(n) if scan else [None] * n, pa.int64()),
            "modality": pa.array(rows.get("modality", [entries.modality] * n), pa.string()),
            "organ": pa.array(rows.get("organ", [entries.organ] * n), pa.string()),
            **{
                name: pa.array(rows[name], IMAGES.field(name).type, from_pandas=True)
                if name in rows
                else pa.nulls(n, IMAGES.field(name).type)
                for name in (
                    "view",
                    "laterality",
                    "sex",
                    "age",
                    "width",
                    "height",
                    "pixel_spacing",
                    "burned_in",
                    "official_fold",
                )
            },
            "region": pa.array(rows["region"].tolist(), IMAGES.field("region").type),
            "labels": _labels(rows, entries.attribute),
        }
    )


def bag_ids(rows: pd.DataFrame, key: bytes) -> list[str]:
    """The pseudonym of each row's bag."""
    if "bag" in rows:
        return pseudonyms(key, "bag", rows["bag"].fillna("").astype(str))
    return pseudonyms(key, "image", rows["source_name"])


def _part_name(name: str, region: Region | None) -> str:
    return name if region is None else f"{name}\0{','.join(map(str, region))}"


def rejected_table(rejections: list[Rejection], key: bytes) -> pa.Table:
    """Rejections in the contract REJECTED, by row, files without a row last."""
    image_ids = pseudonyms(key, "image", [rejection.source_name for rejection in rejections])
    rows = sorted(
        (
            (rejection.source_row, image_id if rejection.source_name else None, rejection.reason, rejection.detail)
            for rejection, image_id in zip(rejections, image_ids, strict=True)
        ),
        key=lambda row: (row[0] is None, row[0] or 0, row[1] or ""),
    )
    columns = zip(*rows, strict=True) if rows else ([], [], [], [])
    return pa.table(
        {field.name: pa.array(list(column), field.type) for field, column in zip(REJECTED, columns, strict=True)}
    )


def sources_table(entries: Entries, rejections: list[Rejection], key: bytes) -> pa.Table:
    """The private table SOURCES: every row and every refused file under its own name."""
    refused = {rejection.source_row for rejection in rejections}
    taken = entries.rows.loc[~entries.rows.index.isin(refused), "source_name"]
    rows: list[tuple[int | None, str, str | None, str | None, str | None]] = [
        (line, name, None, None, None) for line, name in zip(taken.index.tolist(), taken.tolist(), strict=True)
    ]
    rows += [
        (rejection.source_row, rejection.source_name, rejection.reason, rejection.detail, rejection.value)
        for rejection in rejections
    ]
    rows.sort(key=lambda row: (row[0] is None, row[0] or 0, row[1]))
    line, name, reason, detail, value = zip(*rows, strict=True)
    return pa.table(
        {
            "source_row": pa.array(line, pa.int64()),
            "image_id": pseudonyms(key, "image", name),
            "source_name": name,
            "reason": pa.array(reason, pa.string()),
            "detail": pa.array(detail, pa.string()),
            "value": pa.array(value, pa.string()),
        }
    )


def publish_tables(
    workspace: Workspace,
    images: pa.Table,
    rejected: pa.Table,
    cache: DecodeCache | None,
    preparation: Preparation,
    files: dict[Wanted, Shape],
) -> None:
    """Write images, rejected and, with a cache, the pixel store into a folder that replaces the last one.

    files: what the images were decoded from, and the parts it became.
    """
    with replacing_folder(workspace.images.parent) as folder:
        write_table(folder / workspace.images.name, images, IMAGES)
        write_table(folder / workspace.rejected.name, rejected, REJECTED)
        if cache is not None:
            _write_pixels(folder / workspace.pixels.name, images, files, cache, preparation)


def write_private(workspace: Workspace, name: str, sources: pa.Table) -> Path:
    """Write the private table, in a folder that only its owner may enter."""
    workspace.private.mkdir(parents=True, exist_ok=True, mode=0o700)
    workspace.private.chmod(0o700)
    path = workspace.private / name
    write_table(path, sources, SOURCES)
    return path


def _write_pixels(
    path: Path, images: pa.Table, files: dict[Wanted, Shape], cache: DecodeCache, preparation: Preparation
) -> None:
    """A .npy file, written file by file: a full disk raises an error; with a memory map it would be a SIGBUS."""
    shape = (preparation.channels, preparation.size_px, preparation.size_px)
    n_bytes = math.prod(shape)
    row_of = {
        (sha256, tuple(region) if region else None): row
        for row, (sha256, region) in enumerate(
            zip(images["sha256"].to_pylist(), images["region"].to_pylist(), strict=True)
        )
    }
    rows_of = {file: [row_of[file.sha256, region] for region in found.regions] for file, found in files.items()}
    with path.open("wb") as handle:
        np.lib.format.write_array_header_1_0(
            handle, {"descr": "|u1", "fortran_order": False, "shape": (len(images), *shape)}
        )
        start = handle.tell()
        for file in sorted(files, key=lambda file: min(rows_of[file])):  # front to back where files are whole
            pixels = memoryview(cache.pixels(*file))
            for number, row in enumerate(rows_of[file]):
                handle.seek(start + n_bytes * row)
                handle.write(pixels[n_bytes * number : n_bytes * (number + 1)])


def _labels(rows: pd.DataFrame, attribute: str) -> pa.Array:
    """`A|B` → [{attribute, A}, {attribute, B}] for every row, those of further attributes behind, by their names."""
    columns = [
        (attribute, "labels"),
        *sorted((name.removeprefix(_FURTHER), name) for name in rows.columns if name.startswith(_FURTHER)),
    ]
    cells = [
        [
            (of, label.strip())
            for of, text in zip((of for of, _ in columns), texts, strict=True)
            for label in text.split("|")
            if label.strip()
        ]
        for texts in zip(*(rows[name].fillna("") for _, name in columns), strict=True)
    ]
    flat = [pair for pairs in cells for pair in pairs]
    structs = pa.StructArray.from_arrays(
        [pa.array([of for of, _ in flat], pa.string()), pa.array([label for _, label in flat], pa.string())],
        fields=list(IMAGES.field("labels").type.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(np.cumsum([0, *map(len, cells)]), pa.int32()), structs)
