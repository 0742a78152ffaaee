"""One shallow method from GIST vectors to what a model folder holds."""

import numpy as np

from components.documents import ModelSpec, SubCode
from components.hashing.codes import binarise
from components.hashing.methods import ShallowMethod
from components.hashing.shallow.linear import project
from components.params import Params
from components.train.data import DataSet, open_gist
from components.train.loop import Row
from components.train.seeds import derive_seed
from components.train.validation import code_health, mean_average_precision
from components.workspace import Workspace


def train_shallow(workspace: Workspace, params: Params, method: ShallowMethod, data: DataSet,
                  seed: int) -> tuple[ModelSpec, dict[str, np.ndarray], Row]:
    """Fit the projection on the train fold: model.json without the weights' digest, the weights, one history row."""
    gist = open_gist(workspace)
    gallery, queries = data.folds["train"], data.folds["val"]
    features = gist[gallery.rows]
    tensors = method.fit(features, params.bits, derive_seed(seed, method.name, "fit") % 2 ** 32)
    gallery_codes, query_codes = binarise(project(features, tensors)), binarise(project(gist[queries.rows], tensors))
    row = {"val_map": mean_average_precision(queries, query_codes, gallery, gallery_codes, data.levels)}
    spec = ModelSpec(method=method.name, family="shallow", bits=params.bits, input="gist-512", size_px=params.size_px,
                     network={}, sub_codes=[SubCode(name="code", start=0, stop=params.bits)], labels=data.vocabulary,
                     settings={"seed": seed}, data_digest=data.digest, weights_sha256="")
    return spec, tensors, row | code_health(gallery_codes)
