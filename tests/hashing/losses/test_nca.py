"""The supervised retrieval loss against hand calculation, plain loops and the paper's printed gradient."""

import math

import pytest
import torch

from medhash.hashing.losses.nca import nca_loss


def random_batch(n_images: int = 7, bits: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    h = torch.tanh(torch.randn(n_images, bits, dtype=torch.float64, generator=random))
    labels = (torch.rand(n_images, 3, generator=random) < 0.5).double()
    labels[-1] = 0  # an image without any similar one
    return h, labels @ labels.T > 0


def neighbour_probabilities(h: torch.Tensor, temperature: float) -> list[list[float]]:
    rows = []
    for i, a in enumerate(h.tolist()):
        weights = [
            0.0 if i == j else math.exp(-sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / temperature)
            for j, b in enumerate(h.tolist())
        ]
        rows.append([weight / sum(weights) for weight in weights])
    return rows


def test_three_images_on_a_line_give_the_value_worked_out_by_hand() -> None:
    h = torch.tensor([[0.0], [0.0], [1.0]])
    similar = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    p = 1 / (1 + math.exp(-1))  # the first two find each other with this chance
    assert nca_loss(h, similar).item() == pytest.approx(1 - 2 * p / 3, rel=1e-6)
    assert nca_loss(h, similar, objective="log").item() == pytest.approx(-2 * math.log(p) / 3, rel=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 8.0])
def test_both_objectives_equal_plain_loops_over_pairs(temperature: float) -> None:
    h, similar = random_batch()
    p = neighbour_probabilities(h, temperature)
    hits = [sum(p[i][j] for j in range(len(h)) if j != i and similar[i, j]) for i in range(len(h))]
    assert nca_loss(h, similar, temperature).item() == pytest.approx(1 - sum(hits) / len(h), rel=1e-12)
    logarithms = [math.log(hit) for hit in hits if hit > 0]
    assert nca_loss(h, similar, temperature, "log").item() == pytest.approx(-sum(logarithms) / len(h), rel=1e-12)


def test_the_printed_gradient_of_eq_4_is_minus_n_times_the_true_one() -> None:
    h, similar = random_batch()
    similar = similar & ~torch.eye(len(h), dtype=torch.bool)
    n = len(h)
    p = torch.tensor(neighbour_probabilities(h, 1.0), dtype=torch.float64)
    printed = torch.zeros_like(h)
    for i in range(n):
        for j in range(n):
            if similar[i, j]:
                spread = sum(p[i, z] * (h[i] - h[z]) for z in range(n))
                printed[i] += 2 * (p[j, i] * (h[j] - h[i])) - 2 * (p[i, j] * (h[i] - h[j]) - p[i, j] * spread)
            hit = sum(p[j, q] for q in range(n) if similar[j, q])
            printed[i] -= 2 * hit * p[j, i] * (h[j] - h[i])
    h.requires_grad_()
    nca_loss(h, similar).backward()
    torch.testing.assert_close(printed, -n * h.grad)


@pytest.mark.parametrize("objective", ["expected", "log"])
def test_saturated_64_bit_codes_give_finite_values_and_gradients(objective: str) -> None:
    h = torch.where(torch.rand(128, 64, generator=torch.Generator().manual_seed(1)) < 0.5, -1.0, 1.0)
    h[1] = h[0]
    h.requires_grad_()
    similar = torch.arange(128)[:, None] % 5 == torch.arange(128)[None, :] % 5
    loss = nca_loss(h, similar, objective=objective)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(h.grad).all()


@pytest.mark.parametrize(("objective", "value"), [("expected", 1.0), ("log", 0.0)])
@pytest.mark.parametrize("n_images", [1, 3])
def test_a_batch_without_similar_images_is_a_constant_without_gradient(
    objective: str, value: float, n_images: int
) -> None:
    h = torch.rand(n_images, 4, requires_grad=True)
    loss = nca_loss(h, torch.eye(n_images, dtype=torch.bool), objective=objective)
    loss.backward()
    assert loss.item() == value
    assert (h.grad == 0).all()


def test_moving_a_similar_image_nearer_lowers_the_loss() -> None:
    similar = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()
    far, near = (torch.tensor([[-1.0, 0.0], [x, 0.0], [1.0, 0.0]]) for x in (0.5, -0.5))
    assert nca_loss(near, similar) < nca_loss(far, similar)
    assert nca_loss(near, similar, objective="log") < nca_loss(far, similar, objective="log")
