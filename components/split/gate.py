"""Expectations of split.parquet: whole patients, every image once, folds of the set size."""

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa

from components.quality.inspection import Inspection
from medhash.core.attributes import values_of
from medhash.core.contracts import FOLDS, IMAGES, SPLIT, read_table
from medhash.core.params import Params, SplitParams
from medhash.core.workspace import Workspace


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """Placement of every image, folds of every patient, size of every fold."""
    table = read_table(workspace.images, IMAGES)
    images = table.select(["image_id", "patient_id"]).to_pandas()
    split = read_table(workspace.split, SPLIT).to_pandas()
    expected: dict[str, gxe.Expectation] = {
        "every wanted fold has a patient": gxe.ExpectColumnValuesToBeInSet(column="empty", value_set=[False])
    }
    if params.split.strategy in ("hash", "stratified"):
        limit = params.quality.fold_share_tolerance
        expected[f"each fold's share of patients is within {limit} of params.yaml"] = gxe.ExpectColumnValuesToBeBetween(
            column="deviation", min_value=-limit, max_value=limit
        )
    return [
        Inspection(
            "split images",
            _placements(images, split),
            {
                "every image is placed exactly once": gxe.ExpectColumnValuesToBeInSet(column="times", value_set=[1]),
                "every placed image was ingested": gxe.ExpectColumnValuesToBeInSet(column="ingested", value_set=[True]),
                "the patient is the one ingest gave": gxe.ExpectColumnValuesToBeInSet(
                    column="same_patient", value_set=[True]
                ),
                "the fold is train, val or test": gxe.ExpectColumnValuesToBeInSet(
                    column="fold", value_set=[*FOLDS, "not placed"]
                ),
            },
        ),
        Inspection(
            "split patients",
            _patients(split),
            {"no patient is in two folds": gxe.ExpectColumnValuesToBeInSet(column="n_folds", value_set=[1])},
        ),
        Inspection("split folds", _folds(split, params.split), expected),
        *([_held_out(table, split, params.split)] if params.split.strategy == "combination" else []),
    ]


def _placements(images: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    first = split.drop_duplicates("image_id")
    joined = images.drop_duplicates("image_id").merge(first, "outer", "image_id", suffixes=("_ingest", "_split"))
    times = split["image_id"].value_counts()
    both = joined["patient_id_ingest"].notna() & joined["patient_id_split"].notna()
    return pd.DataFrame(
        {
            "row": "image " + joined["image_id"],
            "times": joined["image_id"].map(times).fillna(0).astype(int),
            "ingested": joined["patient_id_ingest"].notna(),
            "same_patient": ~both | (joined["patient_id_ingest"] == joined["patient_id_split"]),
            "fold": joined["fold"].fillna("not placed"),
        }
    )


def _patients(split: pd.DataFrame) -> pd.DataFrame:
    n_folds = split.groupby("patient_id")["fold"].nunique()
    return pd.DataFrame({"row": "patient " + n_folds.index.astype(str), "n_folds": n_folds.to_numpy()})


def _held_out(images: pa.Table, split: pd.DataFrame, settings: SplitParams) -> Inspection:
    """A row per held-out combination, counted anew from the images."""
    fold_of = dict(zip(split["image_id"], split["fold"], strict=True))
    folds = np.array([fold_of.get(image_id, "not placed") for image_id in images["image_id"].to_pylist()])
    rows = []
    for combination in settings.held_out:
        carried = np.ones(len(folds), dtype=bool)
        for name, value in combination.items():
            carried &= np.array([value in values for values in values_of(images, name)])
        counts = {fold: int((carried & (folds == fold)).sum()) for fold in FOLDS}
        rows.append({"row": ", ".join(f"{name}: {value}" for name, value in combination.items()), **counts})
    return Inspection(
        "held-out combinations",
        pd.DataFrame(rows),
        {
            "none of them is in train": gxe.ExpectColumnValuesToBeInSet(column="train", value_set=[0]),
            "some of them are queries": gxe.ExpectColumnValuesToBeBetween(column="test", min_value=1),
            "some of them are in the gallery": gxe.ExpectColumnValuesToBeBetween(column="val", min_value=1),
        },
    )


def _folds(split: pd.DataFrame, settings: SplitParams) -> pd.DataFrame:
    rest = 1 - settings.test_share
    target = {"train": rest * (1 - settings.val_share), "val": rest * settings.val_share, "test": settings.test_share}
    n_patients = split.groupby("fold")["patient_id"].nunique()
    shares = {fold: n_patients.get(fold, 0) / n_patients.sum() for fold in FOLDS}
    wanted = {fold for fold in FOLDS if target[fold] > 0} | ({"test"} if settings.strategy == "official" else set())
    return pd.DataFrame(
        {
            "row": [f"{fold} ({n_patients.get(fold, 0)} patients, {shares[fold]:.1%})" for fold in FOLDS],
            "empty": [fold in wanted and not n_patients.get(fold, 0) for fold in FOLDS],
            "deviation": [round(shares[fold] - target[fold], 9) for fold in FOLDS],
        }
    )
