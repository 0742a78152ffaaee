"""Optimisers and learning-rate schedules by the names a recipe uses."""

from typing import Any

import torch
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, ReduceLROnPlateau, StepLR

from medhash.hashing.method_types import Recipe


def make_optimizer(recipe: Recipe, parameters: list[torch.nn.Parameter]) -> Optimizer:
    """The recipe's optimiser; weight decay acts on weights and not on biases or normalisation (vectors)."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return AdamW(groups, lr=recipe.learning_rate)


class Schedule:
    """A torch scheduler that steps after every batch or every epoch.

    `plateau`: × decay when the validation MAP has not risen for plateau_epochs epochs. `one-cycle`: cosine warm-up over
    the share `warmup` of the n_batches of a training, then cosine decay to nothing. `step`: × decay every
    step_iterations batches.
    """

    def __init__(self, recipe: Recipe, optimizer: Optimizer, n_batches: int) -> None:
        self._scheduler: LRScheduler
        if recipe.schedule == "plateau":
            self._scheduler = ReduceLROnPlateau(
                optimizer, mode="max", factor=recipe.decay, patience=recipe.plateau_epochs
            )
        elif recipe.schedule == "one-cycle":
            # One step more than there are batches: the step after the last batch is taken too.
            self._scheduler = OneCycleLR(
                optimizer,
                max_lr=recipe.learning_rate,
                total_steps=n_batches + 1,
                pct_start=recipe.warmup,
                cycle_momentum=False,
            )
        else:
            self._scheduler = StepLR(optimizer, recipe.step_iterations, recipe.decay)

    def after_batch(self) -> None:
        if not isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step()

    def after_epoch(self, figure: float) -> None:
        """figure: the validation MAP, or the negative loss where there is no validation."""
        if isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step(figure)

    @property
    def learning_rate(self) -> float:
        return float(self._scheduler.optimizer.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        """What changes while training, as JSON can hold it."""
        changing = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch", "_step_count", "_last_lr")
        return {key: value for key, value in self._scheduler.state_dict().items() if key in changing}

    def restore(self, state: dict[str, Any]) -> None:
        self._scheduler.load_state_dict(state)
