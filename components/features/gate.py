"""Expectations of the arrays of features: finite, of the right width, a row per image."""

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from components.quality.inspection import Inspection
from medhash.core.arrays import open_array
from medhash.core.contracts import IMAGES, read_table
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.features import width_of


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """For every kind in params.features: the array's shape, and whether each row is finite."""
    n_images = read_table(workspace.images, IMAGES).num_rows
    return [inspection for kind in params.features for inspection in _inspect_kind(workspace, kind, n_images)]


def _inspect_kind(workspace: Workspace, kind: str, n_images: int) -> list[Inspection]:
    path, expected = workspace.features(kind), width_of(kind)
    found = open_array(path, "features")
    width = found.shape[1] if found.ndim == 2 else 0
    shape = pd.DataFrame({"row": [path.name], "rows": [len(found)], "width": [width], "type": [str(found.dtype)]})
    finite = np.isfinite(found.reshape(len(found), -1)).all(axis=1)
    return [
        Inspection(
            f"{kind} array",
            shape,
            {
                "as many rows as images": gxe.ExpectColumnValuesToBeInSet(column="rows", value_set=[n_images]),
                f"{expected} values a row": gxe.ExpectColumnValuesToBeInSet(column="width", value_set=[expected]),
                "single precision": gxe.ExpectColumnValuesToBeInSet(column="type", value_set=["float32"]),
            },
        ),
        Inspection(
            f"{kind} rows",
            pd.DataFrame({"row": [f"row {number}" for number in range(len(found))], "finite": finite}),
            {"every value is finite": gxe.ExpectColumnValuesToBeInSet(column="finite", value_set=[True])},
        ),
    ]
