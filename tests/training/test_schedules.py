import pytest
import torch

from medhash.hashing.method_types import Recipe
from medhash.training.schedules import Schedule, make_optimizer


def recipe(**changes):
    return Recipe(
        **(
            {"batch_size": 4, "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.5, "schedule": "step"}
            | changes
        )
    )


def rates(schedule, n_epochs, n_batches, val_maps):
    seen = []
    for epoch in range(n_epochs):
        for _ in range(n_batches):
            seen.append(schedule.learning_rate)
            schedule._scheduler.optimizer.step()
            schedule.after_batch()
        schedule.after_epoch(val_maps[epoch])
    return seen


def make(settings, n_batches=12):
    layer = torch.nn.Linear(2, 2)
    optimizer = make_optimizer(settings, list(layer.parameters()))
    return Schedule(settings, optimizer, n_batches), optimizer


def test_step_decays_by_batches_whatever_the_epoch():
    schedule, _ = make(recipe(schedule="step", decay=0.6, step_iterations=5))
    assert rates(schedule, 4, 3, [0] * 4) == pytest.approx([0.1] * 5 + [0.06] * 5 + [0.036] * 2)


def test_plateau_decays_when_validation_has_not_risen_for_that_many_epochs():
    schedule, _ = make(recipe(schedule="plateau", decay=0.1, plateau_epochs=2))
    assert rates(schedule, 6, 1, [0.3, 0.4, 0.4, 0.35, 0.39, 0.3]) == pytest.approx([0.1] * 5 + [0.01])


def test_one_cycle_rises_to_the_learning_rate_and_falls_to_nothing():
    schedule, _ = make(recipe(schedule="one-cycle", warmup=0.25), n_batches=99)
    seen = rates(schedule, 33, 3, [0] * 33)
    assert max(seen) == pytest.approx(0.1)
    assert seen.index(max(seen)) == 24
    assert seen[-1] < 1e-3 * max(seen)
    assert schedule.learning_rate < 1e-6


@pytest.mark.parametrize("name", ["step", "plateau", "one-cycle"])
def test_a_restored_schedule_goes_on_as_if_never_interrupted(name):
    settings = recipe(schedule=name, step_iterations=2, plateau_epochs=1)
    whole, _ = make(settings)
    expected = rates(whole, 4, 3, [0.3, 0.2, 0.2, 0.1])
    first, optimizer = make(settings)
    before = rates(first, 2, 3, [0.3, 0.2])
    second, fresh = make(settings)
    fresh.load_state_dict(optimizer.state_dict())
    second.restore(first.state())
    assert before + rates(second, 2, 3, [0.2, 0.1]) == pytest.approx(expected)


def test_weight_decay_leaves_biases_alone():
    _, optimizer = make(recipe(optimizer="adamw"))
    decay = {parameter.ndim: group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]}
    assert decay == {2: 0.5, 1: 0.0}
