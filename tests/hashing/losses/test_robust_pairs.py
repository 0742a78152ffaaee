"""The robust pair loss: cases by hand, the published penalties, gradients, and pairs that are not counted."""

import pytest
import torch

from medhash.hashing.losses.pairs import different_images
from medhash.hashing.losses.robust_pairs import pair_residuals, penalise, robust_pair_loss

CODES = torch.tensor([[1.0, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, -1, -1], [-1, -1, -1, -1, 1, 1, 1, 1]])
"""Two bits of eight apart (a quarter), four (a half), six (three quarters)."""
SIMILAR = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()


def test_residuals_of_binary_codes_are_shares_of_bits() -> None:
    far, near = (0.75**0.5 - 0.5**0.5) ** 2, 0.0
    expected = torch.tensor([[0, 0.25, far], [0.25, 0, near], [far, near, 0]])
    torch.testing.assert_close(pair_residuals(CODES, SIMILAR, 0.75), expected, atol=2e-6, rtol=0)
    assert pair_residuals(CODES, ~SIMILAR, 0.25)[0, 2] == 0.5
    assert pair_residuals(CODES, SIMILAR, 0.5)[0, 2] < 1e-6  # beyond the margin nothing is left


@pytest.mark.parametrize(
    ("penalty", "e", "expected"),
    [
        ("none", 0.3, 0.3),
        ("huber", 0.1, 0.1**2 / 0.4),
        ("huber", 0.2, 0.1),
        ("huber", 0.9, 0.8),
        ("huber", 0.0, 0.0),
        ("tukey", 0.2, 0.2 / 6),
        ("tukey", 0.9, 0.2 / 6),
        ("tukey", 0.1, 0.2 / 6 * (1 - 0.75**3)),
        ("tukey", 0.0, 0.0),
    ],
)
def test_penalties_by_hand(penalty: str, e: float, expected: float) -> None:
    assert penalise(torch.tensor(e), penalty, 0.2).item() == pytest.approx(expected, abs=1e-7)


def test_huber_is_torchs_and_tukey_stops_pulling() -> None:
    e = torch.linspace(0, 1, 101)
    torch.testing.assert_close(
        penalise(e, "huber", 0.3) * 0.3,
        torch.nn.functional.huber_loss(e, torch.zeros(101), reduction="none", delta=0.3),
    )
    e.requires_grad_()
    penalise(e, "tukey", 0.5).sum().backward()
    assert (e.grad[51:] == 0).all()
    assert (e.grad[1:50] > 0).all()


def test_the_loss_is_the_mean_of_both_kinds_of_counted_pairs() -> None:
    counted = different_images(3, CODES.device)
    far, near = (0.75**0.5 - 0.5**0.5) ** 2, 0.0
    loss = robust_pair_loss(CODES, SIMILAR, counted, 0.75, "none", 1.0)
    assert loss.item() == pytest.approx(0.5 * (0.25 + (far + near) / 2), abs=2e-6)
    without = counted.clone()
    without[0, 1] = without[1, 0] = False
    assert robust_pair_loss(CODES, SIMILAR, without, 0.75, "none", 1.0).item() == pytest.approx(
        0.5 * (far + near) / 2, abs=2e-6
    )
    assert robust_pair_loss(CODES, SIMILAR, torch.zeros(3, 3).bool(), 0.75, "none", 1.0) == 0


@pytest.mark.parametrize(("penalty", "scale"), [("none", 1.0), ("huber", 0.1), ("tukey", 1.0)])
def test_gradients_agree_with_finite_differences(penalty: str, scale: float) -> None:
    random = torch.Generator().manual_seed(0)
    h = torch.tanh(torch.randn(6, 8, generator=random)).double().requires_grad_()
    labels = torch.randint(0, 2, (6,), generator=random)
    similar = labels[:, None] == labels[None, :]
    counted = different_images(6, h.device)
    assert torch.autograd.gradcheck(lambda x: robust_pair_loss(x, similar, counted, 0.6, penalty, scale), h)


def test_equal_codes_that_should_differ_have_a_cost_and_no_wild_gradient() -> None:
    h = torch.tanh(torch.randn(1, 32, generator=torch.Generator().manual_seed(0))).repeat(8, 1).requires_grad_()
    loss = robust_pair_loss(h, torch.zeros(8, 8).bool(), different_images(8, h.device), 0.5, "none", 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.25, abs=1e-3)
    assert h.grad.abs().max() < 1e-3
