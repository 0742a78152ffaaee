"""Expectations of how images stand together: the bag of a case, and the parts of an image."""

import great_expectations.expectations as gxe
import pandas as pd
import pyarrow as pa

from components.params import IngestParams
from components.quality.inspection import Inspection


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
            else "every image is a case by itself": gxe.ExpectColumnValuesToBeBetween(
                column="n_images", min_value=1, max_value=max_size
            ),
        },
    )


def _wholes(frame: pd.DataFrame, is_cut: bool) -> Inspection:
    standing = frame["is_part"].map({True: "in parts", False: "whole"})
    asked = "in parts" if is_cut else "whole"
    return Inspection(
        "images as they are cut",
        pd.DataFrame({"row": frame["row"], "standing": standing}),
        {f"every image is {asked}": gxe.ExpectColumnValuesToBeInSet(column="standing", value_set=[asked])},
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
                "the parts of an image stand in one bag": gxe.ExpectColumnValuesToBeInSet(
                    column="n_bags", value_set=[1]
                ),
            },
        )
    ]
