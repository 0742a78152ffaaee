import numpy as np
import pytest
import torch

from medhash.hashing.bags import bags_of_one
from medhash.training.batches import BatchFeeder, plan_epoch, share_of
from medhash.training.data import Fold


def ones(rows):
    count = len(rows)
    return Fold(
        np.arange(count).astype(str), rows, bags_of_one(count), np.zeros((count, 2)), np.zeros(count), np.zeros(count)
    )


@pytest.mark.parametrize(("n_images", "size", "shape"), [(10, 4, (2, 4)), (8, 4, (2, 4)), (3, 4, (1, 3))])
def test_an_epoch_is_whole_batches_of_different_images(n_images, size, shape):
    plan = plan_epoch(n_images, size, seed=1)
    assert plan.shape == shape
    assert len(np.unique(plan)) == plan.size
    assert not np.array_equal(plan_epoch(100, 50, seed=1), plan_epoch(100, 50, seed=2))


def test_shares_of_all_processes_make_the_batch():
    assert [share_of(12, rank, 3) for rank in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 12)]


def test_each_process_is_fed_its_share_of_every_batch_from_the_right_rows():
    pixels = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    rows = np.arange(20)[::-1].copy()
    plan = plan_epoch(20, 6, seed=0)
    feeder = BatchFeeder(pixels, ones(rows), torch.device("cpu"), rank=1, world=2)
    batches = list(feeder(plan))
    assert [batch.images.flatten().tolist() for batch in batches] == (19 - plan[:, 3:]).tolist()
    assert all((batch.chosen == order).all() for batch, order in zip(batches, plan, strict=True))
    assert all(batch.starts.tolist() == [0, 1, 2, 3] for batch in batches)
    assert feeder.waited_s > 0
    assert feeder.n_images == 18


def test_a_batch_of_bags_holds_all_their_instances_packed():
    pixels = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    fold = Fold(
        np.array(list("abcd")),
        np.array([3, 1, 2, 9, 8, 7, 6, 15]),
        np.array([0, 1, 3, 7, 8]),
        np.eye(4),
        np.arange(4),
        np.arange(4),
    )
    plan = np.array([[2, 0], [3, 1]])
    first, second = BatchFeeder(pixels, fold, torch.device("cpu"), rank=0, world=1)(plan)
    assert first.images.flatten().tolist() == [9, 8, 7, 6, 3]
    assert first.starts.tolist() == [0, 4, 5]
    assert second.images.flatten().tolist() == [15, 1, 2]
    assert second.starts.tolist() == [0, 1, 3]
