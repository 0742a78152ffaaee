"""Training of one shallow method on GIST features."""

import numpy as np

from medhash.core.documents import ModelSpec, SubCode
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.bags import vote
from medhash.hashing.codes import binarise
from medhash.hashing.encoders import ENCODERS
from medhash.hashing.method_types import ShallowMethod
from medhash.training.data import DataSet, open_features
from medhash.training.loop import EpochRow
from medhash.training.seeds import derive_seed
from medhash.training.validation import fold_row


def train_shallow(
    workspace: Workspace, params: Params, method: ShallowMethod, data: DataSet, seed: int
) -> tuple[ModelSpec, dict[str, np.ndarray], EpochRow]:
    """Fit the method on the train fold: model.json without the weights' digest, the weights, one history row."""
    gist = open_features(workspace, method.features)
    train, val = data.folds["train"], data.folds["val"]
    features = gist[train.rows]
    labels = train.instances().labels
    tensors = method.fit(features, labels, params.bits, derive_seed(seed, method.name, "fit") % 2**32)
    gallery, queries = (
        binarise(vote(ENCODERS[method.encoder].relaxed(of_fold, tensors), fold.starts))
        for of_fold, fold in ((features, train), (gist[val.rows], val))
    )
    spec = ModelSpec(
        method=method.name,
        family="shallow",
        bits=params.bits,
        input=method.features,
        coder=method.encoder,
        size_px=params.size_px,
        network={},
        sub_codes=[SubCode(name="code", start=0, stop=params.bits)],
        labels=data.vocabulary,
        settings={"seed": seed},
        data_digest=data.digest,
        weights_sha256="",
    )
    return spec, tensors, fold_row(queries, gallery, data)
