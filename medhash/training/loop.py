"""The epochs of a training: batches, validation, the best weights, checkpoints."""

import ctypes
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from medhash.core.errors import MedhashError
from medhash.hashing.codes import binarise
from medhash.hashing.networks.network import HashNetwork
from medhash.training.augment import AugmentRange, augment, draw_augmentation, draw_partners, match_histograms
from medhash.training.batches import BatchFeeder, plan_epoch
from medhash.training.data import DataSet, Fold
from medhash.training.processes import Processes
from medhash.training.schedules import Schedule
from medhash.training.seeds import derive_seed
from medhash.training.validation import Encoder, fold_row


def return_freed_memory() -> None:
    """Return freed memory of the C library's heap to the system; does nothing where the library cannot.

    Bags of different sizes fragment the heap: at 700 images a batch, 14 epochs peaked at 3.6 GB and rising, and with
    this call at 2.6 GB and level. Changes no result.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


EpochRow = dict[str, float]
CHECK_EVERY = 50
"""Batches between two checks that the loss is finite: a check waits for the device."""
TRIM_EVERY = 8
"""Batches of bags between two returns of freed memory."""


@dataclass
class TrainingProgress:
    """How far a training has come."""

    history: list[EpochRow] = field(default_factory=list)
    """One row per finished epoch, without times: equal trainings have equal rows."""
    best_epoch: int = -1
    best_value: float = -math.inf
    """Its validation figure, of those that Plan.chosen_by names."""
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    """The network's weights after the best epoch."""


@dataclass(frozen=True)
class Plan:
    """What stays constant during a training."""

    method: str
    seed: int
    epochs: int
    patience: int
    batch_size: int
    augment: AugmentRange | None
    chosen_by: str
    """The history's column that the best epoch is chosen by, and the plateau schedule follows: val_lift or val_map."""
    histogram_matching: float
    """Share of the images whose grey values are matched to those of another."""
    alpha_at: Callable[[float], float]
    """Share of the training that is done → slope of tanh(α ·)."""


@dataclass(frozen=True)
class Learner:
    """What changes during a training: the weights, the optimiser, the schedule."""

    loss: nn.Module
    network: HashNetwork
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    feeder: BatchFeeder
    encoder: Encoder
    fold: Fold
    """The training items: bags of the train fold, or their instances for a network of single images."""


def train(
    plan: Plan,
    learner: Learner,
    data: DataSet,
    processes: Processes,
    progress: TrainingProgress,
    after_epoch: Callable[[TrainingProgress, EpochRow], None],
) -> TrainingProgress:
    """Train from `progress` on, until the epochs are done or patience runs out.

    Keeps the weights of the epoch with the best validation figure; the last epoch's without a val fold, and of an
    embedding. after_epoch gets the progress and this epoch's speed (images_per_s, data_wait_share).
    Raises MedhashError if a loss is not finite.
    """
    n_batches = len(plan_epoch(len(learner.fold), plan.batch_size, 0))
    with tqdm(
        total=plan.epochs * n_batches,
        initial=len(progress.history) * n_batches,
        unit="batch",
        desc=plan.method,
        disable=not processes.is_first,
        mininterval=1,
    ) as bar:
        for epoch in range(len(progress.history), plan.epochs):
            if epoch - progress.best_epoch > plan.patience:
                break
            started = time.perf_counter()
            learner.feeder.waited_s, learner.feeder.n_images = 0.0, 0
            row = _one_epoch(plan, learner, epoch, bar)
            seconds = time.perf_counter() - started
            speed = {
                "images_per_s": learner.feeder.n_images / seconds,
                "data_wait_share": learner.feeder.waited_s / seconds,
            }
            row |= _validate(learner, data, row["alpha"])
            figure = row.get(plan.chosen_by)
            if figure is None and "val_map" in row:
                raise MedhashError(
                    f"{plan.method}: validation cases that search each other give no lift to choose epochs "
                    "by: no two of different patients share a label",
                    "give the val fold more patients (split.val_share), or set choose_by: map in params.yaml",
                )
            learner.schedule.after_epoch(-row["loss"] if figure is None else figure)
            progress.history.append(row)
            if figure is None or figure > progress.best_value:
                progress.best_epoch, progress.best_value = epoch, -math.inf if figure is None else figure
                progress.best = {
                    name: tensor.detach().cpu().clone() for name, tensor in learner.network.state_dict().items()
                }
            bar.set_postfix({name: f"{row[name]:.3f}" for name in ("loss", plan.chosen_by) if name in row})
            after_epoch(progress, speed)
    return progress


def _one_epoch(plan: Plan, learner: Learner, epoch: int, bar: "tqdm[Any]") -> EpochRow:
    """One pass over the train fold; the mean of the loss and of each of its terms."""
    fold, pools = learner.fold, learner.network.pooling != "none"
    torch.manual_seed(derive_seed(plan.seed, plan.method, "objective", epoch))
    draws = torch.Generator().manual_seed(derive_seed(plan.seed, plan.method, "augment", epoch))
    matches = torch.Generator().manual_seed(derive_seed(plan.seed, plan.method, "match", epoch))
    order = plan_epoch(len(fold), plan.batch_size, derive_seed(plan.seed, plan.method, "order", epoch))
    alpha = plan.alpha_at(epoch / plan.epochs)
    done = epoch / (plan.epochs - 1) if plan.epochs > 1 else 1.0  # exactly 1 in the last epoch
    learner.loss.train()
    rate = learner.schedule.learning_rate
    values: list[torch.Tensor] = []
    names: list[str] = []
    for number, batch in enumerate(learner.feeder(order)):
        images = batch.images
        each = fold.take(batch.chosen).instances() if pools else fold.take(batch.chosen)
        share = slice(0, len(each)) if pools else batch.share
        if plan.histogram_matching:
            images = match_histograms(images, draw_partners(each.labels, share, plan.histogram_matching, matches))
        images = learner.encoder.prepare(images)
        if plan.augment is not None:
            images = augment(images, draw_augmentation(len(each), draws, plan.augment)[share])
        labels = torch.from_numpy(fold.labels[batch.chosen]).to(images.device)
        learner.optimizer.zero_grad(set_to_none=True)
        terms = learner.loss(images, labels, alpha, batch.starts if pools else None, done)
        names = list(terms)
        loss = torch.stack(list(terms.values())).sum()
        loss.backward()
        learner.optimizer.step()
        learner.schedule.after_batch()
        values.append(torch.stack([loss.detach(), *(term.detach() for term in terms.values())]))
        if (number + 1) % CHECK_EVERY == 0 or number + 1 == len(order):
            first = number + 1 - ((number % CHECK_EVERY) + 1)
            _require_finite(plan, epoch, first, ["loss", *names], torch.stack(values[first:]), order, fold.bag_ids)
        if pools and ((number + 1) % TRIM_EVERY == 0 or number + 1 == len(order)):
            return_freed_memory()
        bar.update()
    means = torch.stack(values).double().mean(dim=0).tolist()
    return dict(zip(["loss", *names], means, strict=True)) | {"learning_rate": rate, "alpha": alpha}


def _require_finite(
    plan: Plan, epoch: int, first: int, names: list[str], values: torch.Tensor, order: np.ndarray, bag_ids: np.ndarray
) -> None:
    bad = (~torch.isfinite(values)).any(dim=1).nonzero().flatten().tolist()
    if bad:
        batch = first + bad[0]
        terms = ", ".join(f"{name} {value:g}" for name, value in zip(names, values[bad[0]].tolist(), strict=True))
        raise MedhashError(
            f"{plan.method}: the loss is not finite in epoch {epoch + 1}, batch {batch + 1}: {terms}; the batch begins "
            f"with cases {', '.join(bag_ids[order[batch][:5]])}",
            "lower learning_rate in train.overrides, use train.precision fp32, or look at those cases; the last "
            "good checkpoint is kept",
        )


def _validate(learner: Learner, data: DataSet, alpha: float) -> EpochRow:
    """Validation figures; none of an embedding, which has no code to search by."""
    if learner.network.hash_layer is None:
        return {}
    query_codes, gallery_codes = (binarise(learner.encoder.bags(data.folds[fold], alpha)) for fold in ("val", "train"))
    return fold_row(query_codes, gallery_codes, data)
