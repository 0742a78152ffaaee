"""Expectations of what ingest wrote: nothing identifying, ids unique, every row with its pixels."""

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.quality.inspection import Inspection
from medhash.archives.entries import REASONS
from medhash.archives.readers.terms import MODALITIES, ORGANS, TOP_AGE, VIEWS
from medhash.core.arrays import open_array
from medhash.core.contracts import IMAGES, REJECTED, read_table
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams, Params
from medhash.core.workspace import Workspace

VALUES = {
    "modality": MODALITIES,
    "organ": ORGANS,
    "view": VIEWS,
    "laterality": ("L", "R"),
    "sex": ("F", "M"),
    "official_fold": ("train_val", "test"),
}
_BURNED_IN = "at most {:.1%} of the headers say that writing is burnt into the pixels, where it may name the patient"
_PSEUDONYMS = ("image_id", "patient_id", "study_id", "bag_id")
_BLOCK = 4096


def inspect_bags(images: pa.Table, lines: pd.Series, settings: IngestParams) -> list[Inspection]:
    """images: contract IMAGES. A bag is named by the line of its first image, as an id may be what is wrong."""
    frame = pd.DataFrame(
        {
            "row": lines,
            "bag": images["bag_id"],
            "patient": images["patient_id"],
            "file": images["sha256"].to_pandas().fillna(lines),
            "is_part": images["region"].is_valid().to_numpy(),
        }
    )
    is_cut = settings.cut.into != "whole" and not settings.metadata_only
    return [
        _bags(frame, 1 if settings.bags.by == "image" and not is_cut else settings.bags.max_size),
        _wholes(frame, is_cut),
        *_parts(images, frame),
    ]


def _bags(frame: pd.DataFrame, max_size: int) -> Inspection:
    bags = frame.groupby("bag", sort=False).agg(
        row=("row", "first"), n_patients=("patient", "nunique"), n_images=("row", "size")
    )
    return Inspection(
        "bags",
        bags.reset_index(drop=True),
        {
            "the images of a bag are one patient's": gxe.ExpectColumnValuesToBeInSet(
                column="n_patients", value_set=[1]
            ),
            f"a bag holds 1 to {max_size} images"
            if max_size > 1
            else "every image is its own case": gxe.ExpectColumnValuesToBeBetween(
                column="n_images", min_value=1, max_value=max_size
            ),
        },
    )


def _wholes(frame: pd.DataFrame, is_cut: bool) -> Inspection:
    form = frame["is_part"].map({True: "in parts", False: "whole"})
    expected = "in parts" if is_cut else "whole"
    return Inspection(
        "images as they are cut",
        pd.DataFrame({"row": frame["row"], "form": form}),
        {f"every image is {expected}": gxe.ExpectColumnValuesToBeInSet(column="form", value_set=[expected])},
    )


def _parts(images: pa.Table, frame: pd.DataFrame) -> list[Inspection]:
    parts = images.filter(images["region"].is_valid())
    if not len(parts):
        return []
    x, y, w, h = parts["region"].combine_chunks().flatten().to_numpy().reshape(-1, 4).T
    width, height = (parts[name].fill_null(0).to_numpy() for name in ("width", "height"))
    of_parts = frame[frame["is_part"]]
    return [
        Inspection(
            "parts of images",
            pd.DataFrame(
                {
                    "row": of_parts["row"].to_numpy(),
                    "within": (x >= 0) & (y >= 0) & (w > 0) & (h > 0) & (x + w <= width) & (y + h <= height),
                    "n_bags": of_parts.groupby("file")["bag"].transform("nunique").to_numpy(),
                }
            ),
            {
                "a part lies within its image": gxe.ExpectColumnValuesToBeInSet(column="within", value_set=[True]),
                "the parts of an image are in one bag": gxe.ExpectColumnValuesToBeInSet(column="n_bags", value_set=[1]),
            },
        )
    ]


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """Columns, cells, bags, refused rows and, unless only metadata was ingested, pixels.

    The file is read without its contract, so that this gate finds surplus columns. The inspected tables hold only the
    form of cells: a name in the wrong column must not reach the Data Docs.
    """
    if not workspace.images.exists():
        raise MedhashError(f"{workspace.images} does not exist", "run the stage ingest, or `dvc repro`")
    images = pq.read_table(workspace.images)
    columns = _columns(images)
    if set(columns.frame["status"]) != {"in the contract"}:
        return [columns]
    images = read_table(workspace.images, IMAGES)
    lines = pd.Series([f"line {line}" for line in images["source_row"].to_pylist()])
    inspections = [
        columns,
        _cells(images, lines),
        _ages(images, lines),
        _burned_in(images, lines, params.quality.max_burned_in_share),
        *inspect_bags(images, lines, params.ingest),
        _refused(images, read_table(workspace.rejected, REJECTED), params.ingest.max_rejected_share),
    ]
    if not params.ingest.metadata_only:
        inspections += _pixels(images, lines, open_array(workspace.pixels, "ingest"), params)
    return inspections


def _columns(images: pa.Table) -> Inspection:
    names = list(dict.fromkeys([*IMAGES.names, *images.column_names]))
    status = [
        "missing"
        if name not in images.column_names
        else "in the contract"
        if name in IMAGES.names
        else "not in the contract"
        for name in names
    ]
    return Inspection(
        "images columns",
        pd.DataFrame({"row": [f"column {name}" for name in names], "status": status}),
        {
            "the columns are the contract's: none missing, none that could identify": gxe.ExpectColumnValuesToBeInSet(
                column="status", value_set=["in the contract"]
            )
        },
    )


def _cells(images: pa.Table, lines: pd.Series) -> Inspection:
    frame = pd.DataFrame({"row": lines, "image_number": images["image_id"].to_pandas().factorize()[0]})
    expected: dict[str, gxe.Expectation] = {
        "image ids are unique": gxe.ExpectColumnValuesToBeUnique(column="image_number")
    }
    for name in _PSEUDONYMS:
        frame[name] = _form(images[name])
        expected[f"{name} is a pseudonym of 16 hex digits"] = gxe.ExpectColumnValuesToMatchRegex(
            column=name, regex="^h{16}$"
        )
    for name, allowed in VALUES.items():
        cells = images[name].to_pandas()
        frame[name] = cells.where(cells.isin(allowed), "another value").mask(cells.isna(), "not known")
        expected[f"{name} is {' or '.join(allowed)}"] = gxe.ExpectColumnValuesToBeInSet(
            column=name, value_set=[*allowed, *(["not known"] if IMAGES.field(name).nullable else [])]
        )
    return Inspection("images", frame, expected)


def _ages(images: pa.Table, lines: pd.Series) -> Inspection:
    known = images["age"].is_valid().to_numpy()
    return Inspection(
        "images with an age",
        pd.DataFrame({"row": lines[known], "age": images["age"].drop_null().to_numpy()}),
        {
            "age is 0 to 90 (90 and above)": gxe.ExpectColumnValuesToBeBetween(
                column="age", min_value=0, max_value=TOP_AGE
            )
        },
    )


def _burned_in(images: pa.Table, lines: pd.Series, limit: float) -> Inspection:
    return Inspection(
        "headers",
        pd.DataFrame({"row": lines, "burned_in": images["burned_in"].fill_null(False)}),
        {
            _BURNED_IN.format(limit): gxe.ExpectColumnValuesToBeInSet(
                column="burned_in", value_set=[False], mostly=1 - limit
            )
        },
    )


def _refused(images: pa.Table, rejected: pa.Table, limit: float) -> Inspection:
    lines = [
        f"line {line}"
        if line is not None
        else f"image {image_id} without a line"
        if image_id
        else "labels without an image"
        for line, image_id in zip(rejected["source_row"].to_pylist(), rejected["image_id"].to_pylist(), strict=True)
    ]
    reasons = [
        reason if reason in REASONS else "a reason ingest does not know" for reason in rejected["reason"].to_pylist()
    ]
    n_taken = len(images["source_row"].unique())  # a row of the archive may have become several parts
    return Inspection(
        "archive rows",
        pd.DataFrame({"row": lines + ["an image"] * n_taken, "outcome": reasons + ["taken"] * n_taken}),
        {
            f"at most {limit:.1%} of the rows are refused": gxe.ExpectColumnValuesToBeInSet(
                column="outcome", value_set=["taken"], mostly=1 - limit
            ),
            "every refusal has one of ingest's reasons": gxe.ExpectColumnValuesToBeInSet(
                column="outcome", value_set=["taken", *REASONS]
            ),
        },
    )


def _pixels(images: pa.Table, lines: pd.Series, pixels: np.ndarray, params: Params) -> list[Inspection]:
    store = pd.DataFrame(
        {
            "row": ["pixels.npy"],
            "type": [str(pixels.dtype)],
            "images": [len(pixels)],
            "channels": [pixels.shape[1] if pixels.ndim == 4 else 0],
            "size": ["x".join(map(str, pixels.shape[-2:]))],
        }
    )
    rows = images["pixel_row"].fill_null(-1).to_numpy()
    stored = (rows >= 0) & (rows < len(pixels))
    constant = np.zeros(len(rows), dtype=bool)
    constant[stored] = _constant(pixels)[rows[stored]]
    limit = params.ingest.max_rejected_share
    return [
        Inspection(
            "pixel store",
            store,
            {
                "as many images as rows": gxe.ExpectColumnValuesToBeInSet(column="images", value_set=[images.num_rows]),
                "1 channel or 3": gxe.ExpectColumnValuesToBeInSet(column="channels", value_set=[1, 3]),
                "8 bits": gxe.ExpectColumnValuesToBeInSet(column="type", value_set=["uint8"]),
                f"{params.size_px} px square": gxe.ExpectColumnValuesToBeInSet(
                    column="size", value_set=[f"{params.size_px}x{params.size_px}"]
                ),
            },
        ),
        Inspection(
            "pixels",
            pd.DataFrame(
                {
                    "row": lines,
                    "pixel_row": rows,
                    "constant": constant,
                    "digest": _form(images["sha256"].combine_chunks().fill_null("none")),
                }
            ),
            {
                "every row has its pixels": gxe.ExpectColumnValuesToBeBetween(
                    column="pixel_row", min_value=0, max_value=len(pixels) - 1
                ),
                "no two rows share their pixels": gxe.ExpectColumnValuesToBeUnique(column="pixel_row"),
                "the source file's SHA-256 is known": gxe.ExpectColumnValuesToMatchRegex(
                    column="digest", regex="^h{64}$"
                ),
                f"at most {limit:.1%} of the images are of one gray": gxe.ExpectColumnValuesToBeInSet(
                    column="constant", value_set=[False], mostly=1 - limit
                ),
            },
        ),
    ]


def _form(cells: pa.ChunkedArray | pa.Array) -> pd.Series:
    """Text with every hex digit as h and everything else as ?, which shows the form of a pseudonym but no name."""
    return pc.replace_substring_regex(pc.replace_substring_regex(cells, "[^0-9a-f]", "?"), "[0-9a-f]", "h").to_pandas()


def _constant(pixels: np.ndarray) -> np.ndarray:
    """Which images hold one value only, bool (images,); read in blocks, so that memory stays flat."""
    blocks = [
        pixels[start : start + _BLOCK].reshape(-1, int(np.prod(pixels.shape[1:])))
        for start in range(0, len(pixels), _BLOCK)
    ]
    return np.concatenate([block.min(axis=1) == block.max(axis=1) for block in blocks] or [np.zeros(0, dtype=bool)])
