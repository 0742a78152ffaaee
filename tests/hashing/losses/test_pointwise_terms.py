"""Quantisation, bit balance, orthogonality and classification against hand calculation and plain loops."""

import math

import pytest
import torch

from medhash.hashing.losses.balance import balance_loss
from medhash.hashing.losses.classification import classification_loss
from medhash.hashing.losses.orthogonality import orthogonality_loss
from medhash.hashing.losses.quantization import quantization_loss

H = torch.tensor([[0.5, -1.0], [0.0, 0.25]], dtype=torch.float64)


def test_quantization_of_two_images_by_hand() -> None:
    by_hand = (math.log(math.cosh(0.5)) + math.log(math.cosh(1)) + math.log(math.cosh(0.75))) / 2
    assert quantization_loss(H).item() == pytest.approx(by_hand)


def test_quantization_vanishes_at_plus_minus_one_and_falls_towards_it() -> None:
    at = [quantization_loss(torch.full((3, 4), value)).item() for value in (0.0, 0.5, 0.9, -0.9, 1.0, -1.0)]
    assert at[0] > at[1] > at[2] == at[3] > at[4] == at[5] == 0


def test_quantization_gradient_is_the_printed_one_over_n() -> None:
    h = H.clone()[:, :1].requires_grad_()  # its entries: 0.5 and 0
    quantization_loss(h).backward()
    assert h.grad[0].item() == pytest.approx(math.tanh(0.5 - 1) / 2)


def test_balance_of_two_images_by_hand() -> None:
    assert balance_loss(H, "literal").item() == pytest.approx(-(0.25 + 1 + 0.0625) / 4)
    assert balance_loss(H, "centred").item() == pytest.approx(-(2 * 0.25**2 + 2 * 0.625**2) / 4)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_literal_balance_cannot_tell_balanced_codes_from_one_constant_code(share: float) -> None:
    bits = 64
    codes = torch.where(torch.rand(50, bits, generator=torch.Generator().manual_seed(2)) < share, 1.0, -1.0)
    assert balance_loss(codes, "literal").item() == -bits / 2


def test_the_centred_balance_is_lowest_for_balanced_bits_and_zero_for_a_constant_code() -> None:
    balanced = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    leaning = torch.tensor([[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])
    assert balance_loss(balanced).item() == -1
    assert balance_loss(balanced) < balance_loss(leaning) < balance_loss(torch.ones(4, 2)) == 0


def test_orthogonality_by_hand_and_by_loops() -> None:
    assert orthogonality_loss(torch.tensor([[1.0, 1.0], [0.0, 2.0]])).item() == pytest.approx((1 + 4 + 4 + 9) / 2)
    weight = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    rows = weight.tolist()
    loops = (
        sum(
            (sum(x * y for x, y in zip(a, b, strict=True)) - (i == j)) ** 2
            for i, a in enumerate(rows)
            for j, b in enumerate(rows)
        )
        / 2
    )
    assert orthogonality_loss(weight).item() == pytest.approx(loops)


def test_orthogonality_vanishes_for_orthonormal_rows_and_has_its_floor_where_they_cannot_be() -> None:
    rotation = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(4)))[0]
    assert orthogonality_loss(rotation[:4]).item() == pytest.approx(0, abs=1e-20)
    assert orthogonality_loss(rotation[:, :2]).item() == pytest.approx((6 - 2) / 2)


def test_orthogonality_gradient_is_twice_the_printed_one() -> None:
    weight = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).requires_grad_()
    orthogonality_loss(weight).backward()
    with torch.no_grad():
        torch.testing.assert_close(weight.grad, 2 * (weight @ weight.T - torch.eye(3).double()) @ weight)


def test_classification_of_two_images_by_hand() -> None:
    logits = torch.tensor([[0.0, 2.0], [-1.0, 0.0]], dtype=torch.float64)
    labels = torch.tensor([[1, 1], [0, 0]])
    sigmoid = [1 / (1 + math.exp(-x)) for x in (0.0, 2.0, -1.0, 0.0)]
    by_hand = -(math.log(sigmoid[0]) + math.log(sigmoid[1]) + math.log(1 - sigmoid[2]) + math.log(1 - sigmoid[3])) / 2
    assert classification_loss(logits, labels).item() == pytest.approx(by_hand)


def test_classification_stays_finite_where_the_classifier_is_certain_and_wrong() -> None:
    assert classification_loss(torch.tensor([[500.0, -500.0]]), torch.tensor([[0.0, 1.0]])).item() == 1000
