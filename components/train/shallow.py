"""One shallow method from GIST vectors to what a model folder holds."""

import numpy as np

from components.documents import ModelSpec, SubCode
from components.hashing.coders import CODERS
from components.hashing.codes import binarise
from components.hashing.kinds import ShallowMethod
from components.hashing.vote import vote
from components.params import Params
from components.train.data import DataSet, open_gist
from components.train.loop import Row
from components.train.seeds import derive_seed
from components.train.validation import fold_row
from components.workspace import Workspace


def train_shallow(
    workspace: Workspace, params: Params, method: ShallowMethod, data: DataSet, seed: int
) -> tuple[ModelSpec, dict[str, np.ndarray], Row]:
    """Fit the method on the train fold: model.json without the weights' digest, the weights, one history row."""
    gist = open_gist(workspace, method.features)
    train, val = data.folds["train"], data.folds["val"]
    features = gist[train.rows]
    labels = train.instances().labels
    tensors = method.fit(features, labels, params.bits, derive_seed(seed, method.name, "fit") % 2**32)
    gallery, queries = (
        binarise(vote(CODERS[method.coder].relaxed(of_fold, tensors), fold.starts))
        for of_fold, fold in ((features, train), (gist[val.rows], val))
    )
    spec = ModelSpec(
        method=method.name,
        family="shallow",
        bits=params.bits,
        input=method.features,
        coder=method.coder,
        size_px=params.size_px,
        network={},
        sub_codes=[SubCode(name="code", start=0, stop=params.bits)],
        labels=data.vocabulary,
        settings={"seed": seed},
        data_digest=data.digest,
        weights_sha256="",
    )
    return spec, tensors, fold_row(queries, gallery, data)
