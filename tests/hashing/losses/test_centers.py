"""The losses against binary centres, the binary gap and the straight-through sign, by hand, loops and torch's own."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from medhash.hashing.losses.binary_gap import binary_gap_loss
from medhash.hashing.losses.center import center_loss, center_targets
from medhash.hashing.losses.cosine_margin import cosine_margin_loss
from medhash.hashing.losses.straight_through import sign_straight_through

CENTERS = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
TIES = torch.tensor([-1.0, -1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("labels", "target"),
    [
        ([0, 1, 0], [1, -1, 1, -1]),  # one label: its own centre
        ([1, 1, 1], [1, 1, 1, -1]),  # three: the majority, bit by bit
        ([1, 1, 0], [1, -1, 1, 1]),  # two: where they differ, the fixed draw
        ([0, 0, 0], [-1, -1, 1, 1]),
    ],
)
def test_the_target_is_the_vote_of_the_labels_centres(labels: list[int], target: list[int]) -> None:
    assert center_targets(torch.tensor([labels]), CENTERS, TIES).tolist() == [target]


def test_the_center_loss_is_the_binary_cross_entropy_over_labelled_images() -> None:
    random = torch.Generator().manual_seed(0)
    h = torch.tanh(torch.randn(6, 4, dtype=torch.float64, generator=random))
    target = torch.where(torch.rand(6, 4, generator=random) < 0.5, -1.0, 1.0).double()
    labelled = torch.tensor([True, True, False, True, True, False])
    theirs = binary_cross_entropy((h[labelled] + 1) / 2, (target[labelled] + 1) / 2)
    assert center_loss(h, target, labelled).item() == pytest.approx(theirs.item(), rel=1e-12)


@pytest.mark.parametrize("z", [0.0, 5.0, 8.5, 20.0])
def test_a_saturated_wrong_bit_neither_costs_nor_pulls_without_bound(z: float) -> None:
    raw = torch.full((1, 1), z, requires_grad=True)
    loss = center_loss(torch.tanh(raw), torch.tensor([[-1.0]]), torch.tensor([True]))
    loss.backward()
    assert loss.item() == pytest.approx(min(math.log(1 + math.exp(2 * z)), 17.33), abs=0.6)
    assert 0 <= raw.grad.item() <= 2.5  # exactly: 2 sigmoid(2z)


def test_cosine_margin_of_two_images_by_hand() -> None:
    z = torch.tensor([[3.0, 3.0, 3.0, 3.0], [0.0, 5.0, 0.0, 0.0]], dtype=torch.float64)
    labels = torch.tensor([[1, 0, 0], [1, 0, 1]])
    first = -math.log(math.exp(2 * 0.8) / (math.exp(2 * 0.8) + 2))  # cosines 1, 0, 0
    logits = [2 * (0.5 - 0.2), 2 * -0.5, 2 * (0.5 - 0.2)]  # cosines ½, -½, ½
    total = sum(math.exp(value) for value in logits)
    second = -(math.log(math.exp(logits[0]) / total) + math.log(math.exp(logits[2]) / total)) / 2
    assert cosine_margin_loss(z, labels, CENTERS, 2.0, 0.2).item() == pytest.approx((first + second) / 2)


def test_cosine_margin_equals_plain_loops_and_leaves_out_images_without_labels() -> None:
    random = torch.Generator().manual_seed(1)
    z = torch.randn(5, 4, dtype=torch.float64, generator=random)
    labels = torch.tensor([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 0]])
    costs = []
    for row, own in zip(z.tolist(), labels.tolist(), strict=True):
        if not any(own):
            continue
        length = math.sqrt(sum(x * x for x in row))
        cosines = [sum(x * o for x, o in zip(row, center, strict=True)) / length / 2 for center in CENTERS.tolist()]
        exponentials = [math.exp(3 * (cosine - 0.2 * y)) for cosine, y in zip(cosines, own, strict=True)]
        costs.append(
            -sum(math.log(e / sum(exponentials)) for e, y in zip(exponentials, own, strict=True) if y) / sum(own)
        )
    assert cosine_margin_loss(z, labels, CENTERS, 3.0, 0.2).item() == pytest.approx(sum(costs) / 3, rel=1e-12)


def test_only_the_direction_of_the_output_counts() -> None:
    z = torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    labels = torch.eye(3)[[0, 1, 2, 0]]
    torch.testing.assert_close(
        cosine_margin_loss(7 * z, labels, CENTERS, 2.0, 0.2), cosine_margin_loss(z, labels, CENTERS, 2.0, 0.2)
    )


def test_an_output_of_zeros_has_a_finite_gradient() -> None:
    z = torch.zeros(2, 4, requires_grad=True)
    cosine_margin_loss(z, torch.eye(3)[:2], CENTERS, 2.0, 0.2).backward()
    assert torch.isfinite(z.grad).all()


def test_permuting_the_bits_of_outputs_and_centres_changes_nothing() -> None:
    random = torch.Generator().manual_seed(3)
    h = torch.tanh(torch.randn(4, 4, generator=random))
    labels, order = torch.eye(3)[[0, 1, 2, 0]], torch.randperm(4, generator=random)
    torch.testing.assert_close(
        cosine_margin_loss(h[:, order], labels, CENTERS[:, order], 2.0, 0.2),
        cosine_margin_loss(h, labels, CENTERS, 2.0, 0.2),
    )
    target, all_of_them = center_targets(labels, CENTERS, TIES), torch.ones(4, dtype=torch.bool)
    torch.testing.assert_close(
        center_loss(h[:, order], target[:, order], all_of_them), center_loss(h, target, all_of_them)
    )


@pytest.mark.parametrize(
    ("power", "by_hand"), [(1, (0.5 + 0 + 1 + 2) / 4), (2, (0.25 + 0 + 1 + 4) / 4), (3, (0.125 + 0 + 1 + 8) / 4)]
)
def test_the_binary_gap_of_two_images_by_hand(power: int, by_hand: float) -> None:
    assert binary_gap_loss(torch.tensor([[0.5, -1.0], [0.0, -3.0]]), power).item() == pytest.approx(by_hand)


def test_the_squared_gap_is_the_distance_to_the_sign() -> None:
    h = torch.randn(9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(binary_gap_loss(h, 2), (h.sign() - h).square().mean())


def test_the_sign_is_exact_and_its_gradient_is_the_codes() -> None:
    h = torch.tensor([[0.3, -0.7, 0.0, -0.0, 1e-30]], requires_grad=True)
    b = sign_straight_through(h)
    assert b.tolist() == [[1, -1, 1, 1, 1]]
    pull = torch.tensor([[1.0, -2.0, 3.0, -4.0, 5.0]])
    (b * pull).sum().backward()
    torch.testing.assert_close(h.grad, pull)
