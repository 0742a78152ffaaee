"""Training of one deep method: set up, resume from a checkpoint, train, describe the model."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from medhash.core.documents import ModelSpec, SubCode
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.backbones import LITE0, LITE0_SHA256
from medhash.hashing.catalogue import alpha_at, flat_settings
from medhash.hashing.features import needs_backbone
from medhash.hashing.layout import Layout, make_layout
from medhash.hashing.method_types import DeepMethod, HeadMethod, StructuredMethod
from medhash.hashing.networks.build import build_network
from medhash.hashing.networks.features import FeatureTrunk
from medhash.hashing.networks.initial import load_initial_weights, require_file
from medhash.retrieval.features import JoinedRows
from medhash.training.augment import AugmentRange
from medhash.training.batches import BatchFeeder
from medhash.training.checkpoint import load_checkpoint, optimizer_state, restore_optimizer, save_checkpoint
from medhash.training.data import DataSet, Fold, open_features, open_pixels
from medhash.training.loop import EpochRow, Learner, Plan, TrainingProgress, train
from medhash.training.processes import Processes
from medhash.training.schedules import Schedule, make_optimizer
from medhash.training.seeds import derive_seed
from medhash.training.step import BatchLoss
from medhash.training.temperature import fit_temperatures
from medhash.training.training_code import training_digest
from medhash.training.validation import Encoder


@dataclass(frozen=True)
class TrainingStart:
    """A training that begins, or resumes from a checkpoint."""

    spec: ModelSpec
    digest: str
    """SHA-256 over everything that decides the result."""
    history: list[EpochRow]
    """The epochs of the checkpoint that it resumes from."""


OnStart = Callable[[TrainingStart], Callable[[EpochRow, EpochRow], None]]
"""Called at the start; returns the function to call after each epoch, with its history row and its speed."""


def train_deep(
    workspace: Workspace,
    params: Params,
    method: DeepMethod,
    data: DataSet,
    seed: int,
    processes: Processes,
    on_start: OnStart | None = None,
) -> tuple[ModelSpec, TrainingProgress, Learner]:
    """Train to the end. Returns model.json's content (without the weights' digest), the progress and the learner.

    Resumes from a checkpoint of the same settings, data and code, with the same result as an uninterrupted training.
    The caller removes the checkpoint once the model is in place.
    """
    pixels = open_pixels(workspace, params.size_px)
    inputs = open_features(workspace, method.features) if isinstance(method, HeadMethod) else pixels
    batch_size = min(method.recipe.batch_size, len(_material(method, data)))
    if batch_size < 2:
        raise MedhashError(
            f"{method.name} compares cases, but the train fold holds one only",
            "lower split.test_share and split.val_share, or add patients",
        )
    if _pools(method) and processes.world > 1:
        raise MedhashError(
            f"{method.name} trains on bags, whose images differ in number: {processes.world} processes "
            "cannot share a batch of them",
            "train it with one process, without torchrun",
        )
    if batch_size % processes.world:
        raise MedhashError(
            f"{method.name}: a batch of {batch_size} images does not divide among {processes.world} processes",
            f"set train.overrides.{method.name}.batch_size to a multiple of their number",
        )
    spec = model_spec(params, method, data, pixels.shape[1], seed)
    digest = _digest(method, params, spec, data, processes)
    learner = make_learner(inputs, params, method, data, seed, processes)
    folder = workspace.checkpoint(method.name)
    progress = _resume(folder, digest, learner)
    listener = None
    if on_start is not None and processes.is_first:
        listener = on_start(TrainingStart(spec, digest, list(progress.history)))

    def after_epoch(progress: TrainingProgress, speed: EpochRow) -> None:
        if processes.is_first:
            _save(folder, digest, learner, progress)
            if listener is not None:
                listener(progress.history[-1], speed)

    plan = Plan(
        method.name,
        seed,
        epochs_of(method, params),
        params.train.patience,
        method.recipe.batch_size,
        AugmentRange() if params.train.augment and not isinstance(method, HeadMethod) else None,
        f"val_{params.choose_by}",
        0.0 if isinstance(method, HeadMethod) else params.train.histogram_matching,
        lambda share: alpha_at(method, share),
    )
    progress = train(plan, learner, data, processes, progress, after_epoch)
    layout = layout_for(params, method, data)
    if layout is not None:
        fit_temperatures(learner, progress, data.folds["val"], layout)
    return spec, progress, learner


def model_spec(params: Params, method: DeepMethod, data: DataSet, in_channels: int, seed: int) -> ModelSpec:
    """The content of a deep model's model.json, but for the digest of its weights."""
    settings: dict[str, Any] = flat_settings(method) | {
        "alpha_first": method.continuation[0],
        "alpha_last": method.continuation[-1],
        "alpha_stages": len(method.continuation),
        "seed": seed,
        "epochs": epochs_of(method, params),
        "patience": params.train.patience,
        "precision": params.train.precision,
        "augment": params.train.augment,
        "histogram_matching": params.train.histogram_matching,
        "choose_by": params.choose_by,
        "initial_weights": _weights_digest(params, method.name),
    }
    if isinstance(method, HeadMethod) and needs_backbone(method.features):
        settings |= {"backbone": LITE0, "backbone_sha256": LITE0_SHA256}
    layout = layout_for(params, method, data)
    return ModelSpec(
        method=method.name,
        family="head" if isinstance(method, HeadMethod) else "deep",
        coder="",
        bits=params.bits,
        input=method.features if isinstance(method, HeadMethod) else "pixels",
        size_px=params.size_px,
        network={**method.network, "in_channels": in_channels},
        sub_codes=list(layout.sub_codes) if layout else [SubCode(name="code", start=0, stop=params.bits)],
        attributes=list(layout.attributes) if layout else [],
        rules=list(layout.rules) if layout else [],
        labels=data.vocabulary,
        settings=settings,
        data_digest=data.digest,
        weights_sha256="",
    )


def layout_for(params: Params, method: DeepMethod, data: DataSet) -> Layout | None:
    """The layout of a structured method, whose rules are the train fold's combinations; None of other methods.

    Raises MedhashError as `make_layout` does.
    """
    if not isinstance(method, StructuredMethod):
        return None
    rules = (
        np.flatnonzero(data.folds["train"].labels.any(axis=0)).tolist()
        if method.network.get("inference") == "fuzzy"
        else []
    )
    return make_layout(method.name, params.bits, params.sub_codes, data.attributes, method.ignores, rules)


def epochs_of(method: DeepMethod, params: Params) -> int:
    """Those of the recipe, if it states its own, else of params.train."""
    return method.recipe.epochs or params.train.epochs


def to_input(images: torch.Tensor) -> torch.Tensor:
    """uint8 pixels to the network's input, float32 in [0, 1]; features stay as they are."""
    return images if images.is_floating_point() else images.float() / 255


def _digest(method: DeepMethod, params: Params, spec: ModelSpec, data: DataSet, processes: Processes) -> str:
    return training_digest(
        method,
        {
            "spec": spec.model_dump(mode="json"),
            "data": data.digest,
            "world": processes.world,
            "device": processes.device.type,
            "threads": params.train.threads,
        },
    )


def make_learner(
    inputs: "np.ndarray | JoinedRows",
    params: Params,
    method: DeepMethod,
    data: DataSet,
    seed: int,
    processes: Processes,
) -> Learner:
    """Network, objective, optimiser and batch feeder before the first batch. inputs: pixels, or features of a head."""
    torch.manual_seed(derive_seed(seed, method.name, "weights"))
    fold = _material(method, data)
    layout = layout_for(params, method, data)
    network = build_network(method.network, params.bits, inputs.shape[1], params.size_px, layout)
    if isinstance(network.trunk, FeatureTrunk):
        network.trunk.fit(torch.from_numpy(inputs[fold.rows]))
    if method.name in params.train.initial_weights:
        load_initial_weights(network, Path(params.train.initial_weights[method.name]))
    objective = method.objective.build(network.n_outputs, len(data.vocabulary), layout)
    if processes.world > 1 and processes.device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    if params.train.precision == "bf16":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss: nn.Module = BatchLoss(network, objective, params.train.precision).to(processes.device)
    optimizer = make_optimizer(method.recipe, list(loss.parameters()))
    n_batches = max(1, len(fold) // method.recipe.batch_size)
    schedule = Schedule(method.recipe, optimizer, epochs_of(method, params) * n_batches)
    if processes.world > 1:
        # A term whose weight is zero leaves parameters of the objective without a gradient.
        loss = DistributedDataParallel(loss, find_unused_parameters=True)
    feeder = BatchFeeder(inputs, fold, processes.device, processes.rank, processes.world)
    encoder = Encoder(network, inputs, processes.device, params.train.precision, to_input)
    return Learner(loss, network, optimizer, schedule, feeder, encoder, fold)


def _pools(method: DeepMethod) -> bool:
    return method.network.get("pooling", "none") != "none"


def _material(method: DeepMethod, data: DataSet) -> Fold:
    """The training items: bags, or for methods of single images each image with the labels of its bag."""
    fold = data.folds["train"]
    return fold if _pools(method) else fold.instances()


def _weights_digest(params: Params, method: str) -> str:
    """`random`, or the SHA-256 of the file that starts the network. Raises MedhashError if there is no such file."""
    path = params.train.initial_weights.get(method)
    if path is None:
        return "random"
    require_file(Path(path))
    return sha256_file(Path(path))


def _inner(loss: nn.Module) -> nn.Module:
    return loss.module if isinstance(loss, DistributedDataParallel) else loss


def _save(folder: Path, digest: str, learner: Learner, progress: TrainingProgress) -> None:
    groups, tensors = optimizer_state(learner.optimizer)
    tensors |= {f"loss/{name}": tensor for name, tensor in _inner(learner.loss).state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in progress.best.items()}
    best_value = progress.best_value if math.isfinite(progress.best_value) else None  # JSON knows no infinity
    save_checkpoint(
        folder,
        digest,
        {
            "optimizer": groups,
            "schedule": learner.schedule.state(),
            "history": progress.history,
            "best_epoch": progress.best_epoch,
            "best_value": best_value,
        },
        tensors,
    )


def _resume(folder: Path, digest: str, learner: Learner) -> TrainingProgress:
    loaded = load_checkpoint(folder, digest)
    if loaded is None:
        return TrainingProgress()
    state, tensors = loaded
    _inner(learner.loss).load_state_dict(_under("loss/", tensors))
    restore_optimizer(learner.optimizer, state["optimizer"], tensors)
    learner.schedule.restore(state["schedule"])
    best_value = -math.inf if state["best_value"] is None else state["best_value"]
    return TrainingProgress(state["history"], state["best_epoch"], best_value, _under("best/", tensors))


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
