"""The tables that stages hand each other: what each column means, and the one reader and one writer.

A pyarrow schema is the contract; every field carries its meaning (and unit) as metadata, which travels in the
Parquet file. Reading and writing both check it, so a table that breaks its contract is never handed on.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file

FOLDS = ("train", "val", "test")
"""`val` chooses settings; the gallery that test images search is `train` and `val` together."""


def _column(name: str, kind: pa.DataType, meaning: str, *, unit: str = "", optional: bool = False) -> pa.Field:
    metadata = {"meaning": meaning} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=optional, metadata=metadata)


_IMAGE_ID = _column("image_id", pa.string(), "keyed pseudonym of the image, 16 hex digits")
_PATIENT_ID = _column("patient_id", pa.string(), "keyed pseudonym of the patient, 16 hex digits")
_BAG_ID = _column(
    "bag_id",
    pa.string(),
    "the case: a bag of images that has one label and one code; of an image that is a case by itself, its image_id",
)
_FOLD = _column("fold", pa.string(), "train, val or test")

IMAGES = pa.schema(
    [
        _IMAGE_ID,
        _PATIENT_ID,
        _column("study_id", pa.string(), "keyed pseudonym of the examination"),
        _BAG_ID,
        _column(
            "source_row",
            pa.int64(),
            "line of the archive's table that describes the image, header = 1; where there "
            "is no table, the place of its file or report by name (the source says how)",
        ),
        _column("sha256", pa.string(), "SHA-256 of the source file; null until its pixels are ingested", optional=True),
        _column("pixel_row", pa.int64(), "row in the pixel store; null until its pixels are ingested", optional=True),
        _column("modality", pa.string(), "xray, mammography, histology …, or unknown"),
        _column("organ", pa.string(), "chest, breast …, or unknown"),
        _column("view", pa.string(), "PA, AP …", optional=True),
        _column("laterality", pa.string(), "L or R", optional=True),
        _column("sex", pa.string(), "F or M", optional=True),
        _column("age", pa.int16(), "age at the examination; 90 stands for 90 and above", unit="years", optional=True),
        _column("width", pa.int32(), "width of the original image", unit="px", optional=True),
        _column("height", pa.int32(), "height of the original image", unit="px", optional=True),
        _column(
            "region",
            pa.list_(pa.int32()),
            "left, top, width and height of the part of the original image; null for the whole",
            unit="px",
            optional=True,
        ),
        _column("pixel_spacing", pa.float64(), "distance of pixel centres in the original", unit="mm", optional=True),
        _column(
            "burned_in",
            pa.bool_(),
            "whether the header says that writing is burnt into the pixels; null where it does not say",
            optional=True,
        ),
        _column("official_fold", pa.string(), "the publisher's own fold: train_val or test", optional=True),
        _column(
            "labels",
            pa.list_(
                pa.struct(
                    [pa.field("attribute", pa.string(), nullable=False), pa.field("label", pa.string(), nullable=False)]
                )
            ),
            "labels as the archive gives them, each under the attribute it belongs to (finding, mesh …)",
        ),
    ]
)

REJECTED = pa.schema(
    [
        _column(
            "source_row",
            pa.int64(),
            "line of the archive's table, header = 1; null for a file without a row",
            optional=True,
        ),
        _column("image_id", pa.string(), "keyed pseudonym of the image, where there is one", optional=True),
        _column("reason", pa.string(), "one of ingest's reasons, such as truncated, missing_image, exact_duplicate"),
        _column("detail", pa.string(), "what was wrong, without any identifying value"),
    ]
)

SPLIT = pa.schema([_IMAGE_ID, _PATIENT_ID, _FOLD])

LABELS = pa.schema(
    [
        _BAG_ID,
        _PATIENT_ID,
        _FOLD,
        _column("set_id", pa.int32(), "row of label_sets.parquet: the bag's canonical label set"),
    ]
)
"""From here on a row is a bag. Most archives have bags of one: their images are the cases."""

LABEL_SETS = pa.schema(
    [
        _column("set_id", pa.int32(), "0, 1, 2 … in canonical order"),
        _column("labels", pa.list_(pa.int16()), "sorted indices into the vocabulary; empty where nothing is labelled"),
        _column("n_bags", pa.int64(), "bags with exactly this set"),
    ]
)

INCOMPLETE = pa.schema([_BAG_ID, _FOLD, _column("attribute", pa.string(), "what is not known of the case")])
"""Cases whose combination lacks an attribute; nothing where labels are no combinations."""

SIMILARITY = pa.schema(
    [
        _column("set_a", pa.int32(), "set_id"),
        _column("set_b", pa.int32(), "set_id; every ordered pair has a row, the pair with itself included"),
        _column("level", pa.int16(), "relevance level: number of shared labels"),
        _column("jaccard", pa.float64(), "shared labels over all labels of the two; 0 for two empty sets"),
    ]
)

ENTRIES = pa.schema([_BAG_ID, _PATIENT_ID, _column("set_id", pa.int32(), "the bag's label set")])
"""The id table beside a FAISS index: row number = position in the index; sorted by bag_id."""

RELEASED = pa.schema(
    [
        _IMAGE_ID,
        _BAG_ID,
        _PATIENT_ID,
        _column("sha256", pa.string(), "SHA-256 of the source file", optional=True),
        _FOLD,
        _column(
            "at_training",
            pa.bool_(),
            "whether the archive held it when the model was trained; false where it joined the gallery later",
        ),
    ]
)
"""images.parquet of a release: what it was made from, for as long as it exists; sorted by image_id."""

QUERIES = pa.schema(
    [
        _BAG_ID,
        _PATIENT_ID,
        _column("n_relevant", pa.int64(), "gallery bags that share a label with the query"),
        _column(
            "ap_expected",
            pa.float64(),
            "average precision, expected over tie order; null if nothing is relevant",
            optional=True,
        ),
        _column("ap_worst", pa.float64(), "average precision, worst tie order", optional=True),
        _column("ap_best", pa.float64(), "average precision, best tie order", optional=True),
        _column("ndcg_at_100", pa.float64(), "NDCG@100, expected over tie order", optional=True),
        _column("ndcg_at_100_worst", pa.float64(), "NDCG@100, worst tie order", optional=True),
        _column("ndcg_at_100_best", pa.float64(), "NDCG@100, best tie order", optional=True),
        _column("acg_at_100", pa.float64(), "ACG@100, expected over tie order"),
        _column("acg_at_100_worst", pa.float64(), "ACG@100, worst tie order"),
        _column("acg_at_100_best", pa.float64(), "ACG@100, best tie order"),
        _column("weighted_ap", pa.float64(), "weighted average precision, expected over tie order", optional=True),
        _column("weighted_ap_worst", pa.float64(), "weighted average precision, worst tie order", optional=True),
        _column("weighted_ap_best", pa.float64(), "weighted average precision, best tie order", optional=True),
        *(
            _column(
                f"precision_at_{k}", pa.float64(), f"share of the {k} nearest that is relevant, expected over tie order"
            )
            for k in (1, 5, 10)
        ),
        _column("precision_h2", pa.float64(), "precision within Hamming radius 2; 0 if the ball is empty"),
        _column("n_within_h2", pa.int64(), "gallery bags within Hamming radius 2"),
    ]
)


def codes_schema(bits: int, certain: bool = False) -> pa.Schema:
    """Contract of codes/METHOD.parquet: `code` is bits/8 bytes, bit 0 the highest of byte 0; 1 where h ≥ 0.

    The file's schema metadata holds, under the key `medhash`, JSON: method, bits, model_digest, and sub_codes
    [{name, start, stop}] (ranges in bits), so that a search can weigh the parts of a code.
    certain: with the columns that encode.confidence asks for.
    """
    code = pa.binary(bits // 8)
    instance = pa.struct([pa.field("image_id", pa.string(), nullable=False), pa.field("code", code, nullable=False)])
    return pa.schema(
        [
            _BAG_ID,
            _FOLD,
            _column("code", code, "packed binary code", unit="bytes"),
            _column(
                "instances",
                pa.list_(instance),
                "the code of each of the bag's images, by image_id; null unless encode.instances asks for them",
                optional=True,
            ),
            *(
                [
                    _column("confidence", pa.binary(bits), "how sure each bit is, a byte per bit: 255 |h|"),
                    _column(
                        "membership",
                        pa.list_(pa.float32()),
                        "membership in the values of the model's "
                        "attributes (model.json), one attribute after the other, each summing to 1; null of a "
                        "model without attributes",
                        optional=True,
                    ),
                ]
                if certain
                else []
            ),
        ]
    )


def is_certain(schema: pa.Schema) -> bool:
    """Whether a code table's schema has the columns that encode.confidence asks for."""
    return "confidence" in schema.names


def write_table(path: Path, table: pa.Table, schema: pa.Schema, metadata: dict[str, str] | None = None) -> None:
    """Check a table against its contract and write it as Parquet, whole or not at all.

    metadata: goes into the file's schema metadata. Equal tables give equal bytes.
    Raises MedhashError if a column is missing, has another type, or holds a null it may not.
    """
    checked = _checked(path, table, schema)
    with replacing_file(path) as temporary:
        pq.write_table(checked.replace_schema_metadata(metadata), temporary, compression="zstd")


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a Parquet table and check it against its contract; the schema metadata stays on the result."""
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "run the stage that writes it, or `dvc repro`")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise MedhashError(
            f"{path} is not a readable Parquet file ({error})", "restore it with `dvc checkout`, or run its stage again"
        ) from error
    metadata = table.schema.metadata
    return _checked(path, table, schema).replace_schema_metadata(metadata)


def _checked(path: Path, table: pa.Table, schema: pa.Schema) -> pa.Table:
    missing = [field.name for field in schema if field.name not in table.column_names]
    extra = [name for name in table.column_names if name not in schema.names]
    if missing or extra:
        raise MedhashError(
            f"{path}: columns missing {missing}, not in the contract {extra}",
            "run the stage that writes it again, with this version of the code",
        )
    for field in schema:
        column = table.column(field.name)
        if not field.nullable and column.null_count:
            row = column.combine_chunks().is_null().index(True).as_py()
            raise MedhashError(f"{path}: column {field.name} is empty in row {row}", "every row needs a value there")
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, ValueError) as error:
        raise MedhashError(
            f"{path}: {error}", "run the stage that writes it again, with this version of the code"
        ) from error
