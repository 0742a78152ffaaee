"""Training of a two-step method: a network, then a shallow method on its embedding of the train fold."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from medhash.core.documents import ModelSpec
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.bags import vote
from medhash.hashing.codes import binarise
from medhash.hashing.encoders import ENCODERS
from medhash.hashing.method_types import TwoStepMethod
from medhash.hashing.model import ENCODER, NETWORK, under
from medhash.training.data import DataSet, open_pixels
from medhash.training.deep import Learner, OnStart, TrainingStart, make_learner, model_spec, train_deep
from medhash.training.loop import EpochRow, TrainingProgress
from medhash.training.processes import Processes
from medhash.training.seeds import derive_seed
from medhash.training.training_code import training_digest
from medhash.training.validation import fold_row


def train_two_step(
    workspace: Workspace,
    params: Params,
    method: TwoStepMethod,
    data: DataSet,
    seed: int,
    processes: Processes,
    on_start: OnStart | None,
) -> tuple[ModelSpec, dict[str, Any], TrainingProgress]:
    """Train the network (unless frozen), embed the train fold, fit the encoder.

    Returns model.json without the weights' digest, the tensors of both, and the network's progress with one row more:
    the validation MAP of the encoder's codes, which `on_start`'s listener receives too. Raises MedhashError before
    anything is trained where the encoder could not be fitted to the train fold's labels.
    """
    if method.needs is not None:
        method.needs(data.folds["train"].instances().labels)
    listeners: list[Callable[[EpochRow, EpochRow], None]] = []

    def on_network_start(start: TrainingStart) -> Callable[[EpochRow, EpochRow], None]:
        assert on_start is not None
        listeners.append(on_start(replace(start, spec=_two_step_spec(start.spec, method))))
        return listeners[-1]

    network_on_start = on_network_start if on_start is not None and processes.is_first else None
    if method.frozen:
        pixels = open_pixels(workspace, params.size_px)
        learner = make_learner(pixels, params, method.network, data, seed, processes)
        spec, progress = model_spec(params, method.network, data, pixels.shape[1], seed), TrainingProgress()
        progress.best = {name: tensor.detach().cpu().clone() for name, tensor in learner.network.state_dict().items()}
        if network_on_start is not None:
            digest = training_digest(method, {"spec": spec.model_dump(mode="json"), "data": data.digest})
            network_on_start(TrainingStart(spec, digest, []))
    else:
        spec, progress, learner = train_deep(workspace, params, method.network, data, seed, processes, network_on_start)
        learner.network.load_state_dict(progress.best)
    tensors, row = _fit(params, method, learner, data, seed)
    progress.history.append(row)
    progress.best_epoch = len(progress.history) - 1
    for listener in listeners:
        listener(row, {})
    tensors |= {NETWORK + name: tensor for name, tensor in progress.best.items()}
    return _two_step_spec(spec, method), tensors, progress


def _two_step_spec(spec: ModelSpec, method: TwoStepMethod) -> ModelSpec:
    """model.json's content for both steps, from that of the network alone."""
    trained = {"epochs": 0} if method.frozen else {}
    return spec.model_copy(
        update={
            "family": "two-step",
            "coder": method.encoder,
            "settings": spec.settings | {"frozen": method.frozen} | trained,
        }
    )


def _fit(
    params: Params, method: TwoStepMethod, learner: Learner, data: DataSet, seed: int
) -> tuple[dict[str, Any], EpochRow]:
    train, val = data.folds["train"], data.folds["val"]
    embedded = learner.encoder(train.rows, 1.0)
    labels = train.instances().labels
    fitted = method.fit(embedded, labels, params.bits, derive_seed(seed, method.name, "fit") % 2**32)
    tensors = {ENCODER + name: array for name, array in fitted.items()}

    def codes(embedding: np.ndarray, starts: np.ndarray) -> np.ndarray:
        return binarise(vote(ENCODERS[method.encoder].relaxed(embedding, under(ENCODER, tensors)), starts))

    return tensors, fold_row(codes(learner.encoder(val.rows, 1.0), val.starts), codes(embedded, train.starts), data)
