"""The poolings: plain-loop twins, bags of one, gradients, order, and what each makes of a signal in one instance."""

from itertools import pairwise

import pytest
import torch

from medhash.hashing.networks.pooling import GatedAttention, max_pooling, mean_pooling, noisy_or_pooling, segment_max

SIZES = torch.tensor([3, 1, 4, 2])
STARTS = torch.cat([torch.zeros(1, dtype=torch.int64), SIZES.cumsum(0)])
ONES = torch.arange(11)


def attention() -> GatedAttention:
    torch.manual_seed(3)
    return GatedAttention(6)


POOLINGS = {"max": max_pooling, "mean": mean_pooling, "noisy-or": noisy_or_pooling, "attention": attention()}


def rows(n_rows: int = 10, n_columns: int = 6) -> torch.Tensor:
    return torch.randn(n_rows, n_columns, generator=torch.Generator().manual_seed(1))


def by_plain_loop(name: str, own: torch.Tensor) -> list[float]:
    """One bag, (size, d), in double precision."""
    own = own.double()
    if name == "attention":
        gate = POOLINGS["attention"]
        v, u, w = (layer.weight.double() for layer in (gate.tanh_layer, gate.gate_layer, gate.score_layer))
        scores = [float(w[0] @ (torch.tanh(v @ g) * torch.sigmoid(u @ g))) for g in own]
        total = sum(torch.tensor(score).double().exp() for score in scores)
        weights = [float(torch.tensor(score).double().exp() / total) for score in scores]
        return [sum(weight * float(value) for weight, value in zip(weights, column, strict=True)) for column in own.T]
    if name == "noisy-or":
        pooled = []
        for column in own.T:
            none_on = 1.0
            for z in column:
                none_on *= 1 - (1 + torch.tanh(z).item()) / 2
            pooled.append(torch.atanh(torch.tensor(2 * (1 - none_on) - 1).double()).item())
        return pooled
    return [(max if name == "max" else lambda values: sum(values) / len(values))(column.tolist()) for column in own.T]


@pytest.mark.parametrize("name", POOLINGS)
def test_a_pooling_equals_the_plain_loop_over_each_bag(name: str) -> None:
    g = rows()
    pooled = POOLINGS[name](g, STARTS)
    expected = [by_plain_loop(name, g[start:stop]) for start, stop in pairwise(STARTS.tolist())]
    torch.testing.assert_close(pooled, torch.tensor(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", POOLINGS)
def test_a_bag_of_one_gives_its_own_row_to_the_last_digit(name: str) -> None:
    g = rows() * torch.logspace(-6, 1.5, 6)
    assert torch.equal(POOLINGS[name](g, ONES), g)
    assert torch.equal(POOLINGS[name](g, STARTS)[1], g[3])


@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    pooling = attention().double() if name == "attention" else POOLINGS[name]
    g = rows().double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pooling(x, STARTS), g)


def test_the_gates_parameters_have_the_gradients_of_finite_differences() -> None:
    gate, g = attention().double(), rows().double()
    names = list(dict(gate.named_parameters()))

    def pooled(*weights: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(gate, dict(zip(names, weights, strict=True)), (g, STARTS))

    assert torch.autograd.gradcheck(pooled, tuple(gate.parameters()))


@pytest.mark.parametrize("name", POOLINGS)
def test_the_order_of_instances_within_bags_changes_nothing(name: str) -> None:
    g, order = rows(), torch.tensor([2, 0, 1, 3, 7, 6, 4, 5, 9, 8])
    torch.testing.assert_close(POOLINGS[name](g[order], STARTS), POOLINGS[name](g, STARTS))


@pytest.mark.parametrize("name", POOLINGS)
def test_padding_and_masking_gives_the_same(name: str) -> None:
    """The usual way, (bags, largest bag, d) with a mask, that is not taken here."""
    g, largest = rows(), int(SIZES.max())
    mask = torch.arange(largest)[None, :] < SIZES[:, None]
    padded = torch.zeros(len(SIZES), largest, 6)
    padded[mask] = g
    column = mask[:, :, None]
    if name == "max":
        pooled = padded.masked_fill(~column, -torch.inf).amax(dim=1)
    elif name == "mean":
        pooled = padded.sum(dim=1) / SIZES[:, None]
    elif name == "noisy-or":
        off = torch.where(column, 1 - (1 + torch.tanh(padded)) / 2, 1)
        pooled = torch.atanh(1 - 2 * off.prod(dim=1))
    else:
        gate = POOLINGS["attention"]
        hidden = torch.tanh(gate.tanh_layer(padded)) * torch.sigmoid(gate.gate_layer(padded))
        scores = gate.score_layer(hidden).masked_fill(~column, -torch.inf)
        pooled = (scores.softmax(dim=1) * padded).sum(dim=1)
    torch.testing.assert_close(POOLINGS[name](g, STARTS), pooled, atol=1e-5, rtol=1e-5)


def test_attention_sums_to_one_in_every_bag_and_is_one_alone_whatever_the_scores() -> None:
    gate = attention()
    with torch.no_grad():
        gate.score_layer.weight *= 300  # exp of such scores would overflow
    weights = gate.weights(rows() * 50, STARTS)[:, 0]
    sums = [weights[start:stop].sum().item() for start, stop in pairwise(STARTS.tolist())]
    assert sums == pytest.approx([1, 1, 1, 1], abs=1e-6)
    assert torch.equal(gate.weights(rows(), ONES), torch.ones(10, 1))


def test_noisy_or_is_finite_with_finite_gradients_where_bits_are_certain() -> None:
    z = torch.tensor([[-200.0, 200, -90, 30], [-200, -200, -90, 30], [-60, 0, 60, -30]]).requires_grad_()
    pooled = noisy_or_pooling(z, torch.tensor([0, 2, 3]))
    pooled.sum().backward()
    assert torch.isfinite(pooled).all()
    assert torch.isfinite(z.grad).all()
    assert (pooled[0] > 0).tolist() == [False, True, False, True]
    assert torch.equal(pooled[1], z[2])


def test_equal_largest_values_share_the_gradient() -> None:
    g = torch.tensor([[2.0], [2.0], [1.0]], requires_grad=True)
    max_pooling(g, torch.tensor([0, 3])).backward()
    assert g.grad.flatten().tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("slope", [0.3, -0.3])
def test_equal_largest_values_share_the_gradient_whatever_its_sign(slope):
    rows = torch.tensor([[5.0], [5.0], [1.0], [-2.0]], dtype=torch.float64, requires_grad=True)
    largest = segment_max(rows, torch.tensor([0, 3, 4]))
    assert largest.flatten().tolist() == [5.0, -2.0]
    (slope * largest).sum().backward()
    assert rows.grad.flatten().tolist() == [slope / 2, slope / 2, 0, slope]
