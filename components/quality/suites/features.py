"""Expectations of gist.npy: finite, of the right width, a row per image."""

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from components.contracts import IMAGES, read_table
from components.params import Params
from components.quality.arrays import open_array
from components.quality.inspection import Inspection
from components.workspace import Workspace

N_GIST = 512


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """The array's shape, and whether each row is finite."""
    n_images = read_table(workspace.images, IMAGES).num_rows
    gist = open_array(workspace.gist, "features")
    width = gist.shape[1] if gist.ndim == 2 else 0
    shape = pd.DataFrame({"row": [workspace.gist.name], "rows": [len(gist)], "width": [width],
                          "type": [str(gist.dtype)]})
    finite = np.isfinite(gist.reshape(len(gist), -1)).all(axis=1)
    return [
        Inspection("gist array", shape, {
            "as many rows as images": gxe.ExpectColumnValuesToBeInSet(column="rows", value_set=[n_images]),
            f"{N_GIST} values a row": gxe.ExpectColumnValuesToBeInSet(column="width", value_set=[N_GIST]),
            "single precision": gxe.ExpectColumnValuesToBeInSet(column="type", value_set=["float32"])}),
        Inspection("gist rows", pd.DataFrame({"row": [f"row {number}" for number in range(len(gist))],
                                              "finite": finite}), {
            "every value is finite": gxe.ExpectColumnValuesToBeInSet(column="finite", value_set=[True])}),
    ]
