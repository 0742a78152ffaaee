"""The ranking loss against hand calculation and an enumeration of every list of three."""

import itertools
import math

import pytest
import torch

from medhash.hashing.losses.ranking import ranking_loss

LABELS = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]])
"""For the first image: the second shares all its labels, the third one, the fourth none."""


def in_order() -> torch.Tensor:
    """32-bit codes at distances 0, 8 and 24 from the first."""
    codes = torch.ones(4, 32, dtype=torch.float64)
    codes[2, :8] = -1
    codes[3, 8:] = -1
    return codes


def loss_of_list(h: list[list[float]], sets: list[set[int]], query: int, members: list[int], margin: float) -> float:
    """Eq. (2) for one query and one ranking list, term by term."""
    r = {i: len(sets[query] & sets[i]) for i in members}
    distance = {i: sum(1 - a * b for a, b in zip(h[query], h[i], strict=True)) / 2 for i in members}
    best_order = sorted((r[i] for i in members), reverse=True)
    z = sum((2**level - 1) / math.log2(1 + rank) for rank, level in enumerate(best_order, start=1))
    return sum(
        (2 ** r[i] - 2 ** r[j]) / z * max(0.0, distance[i] - distance[j] + margin)
        for i in members
        for j in members
        if r[j] < r[i]
    )


def mean_over_all_lists(h: torch.Tensor, labels: torch.Tensor, margin: float) -> float:
    sets = [{c for c, value in enumerate(row) if value} for row in labels.tolist()]
    total = 0.0
    for query, own in enumerate(sets):
        others = [i for i in range(len(sets)) if i != query and own]
        full = [i for i in others if own <= sets[i]]
        some = [i for i in others if own & sets[i] and not own <= sets[i]] or full
        none = [i for i in others if not own & sets[i]]
        lists = [
            [member for member in chosen if member is not None]
            for chosen in itertools.product(full or [None], some or [None], none or [None])
        ]
        values = []
        for members in lists:
            repeated = len(members) > 1 and members[0] == members[1]
            h_rows, set_rows = h.tolist(), list(sets)
            if repeated:  # the same image drawn twice counts as two
                h_rows.append(h_rows[members[0]])
                set_rows.append(set_rows[members[0]])
                members = [members[0], len(set_rows) - 1, *members[2:]]
            values.append(loss_of_list(h_rows, set_rows, query, members, margin))
        total += sum(values) / len(values)
    return total / len(sets)


@pytest.mark.parametrize("lists", ["sampled", "expected"])
def test_the_loss_is_zero_where_the_order_holds_by_the_margin(lists: str) -> None:
    assert ranking_loss(in_order(), LABELS, margin=5.0, lists=lists).item() == 0


@pytest.mark.parametrize("lists", ["sampled", "expected"])
def test_a_margin_of_ten_is_missed_by_two_bits(lists: str) -> None:
    z = 3 + 1 / math.log2(3)  # ideal order: levels 2, 1, 0
    by_hand = 2 * (4 - 2) / z * (0 - 8 + 10) / 4  # two of four queries have the three levels
    assert ranking_loss(in_order(), LABELS, margin=10.0, lists=lists).item() == pytest.approx(by_hand)


@pytest.mark.parametrize("seed", range(4))
def test_the_expected_form_is_the_mean_over_every_list(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    h = torch.tanh(torch.randn(7, 12, dtype=torch.float64, generator=random))
    labels = (torch.rand(7, 4, generator=random) < 0.45).long()
    expected = mean_over_all_lists(h, labels, margin=5.0)
    assert expected > 0
    assert ranking_loss(h, labels, lists="expected").item() == pytest.approx(expected, rel=1e-10)


def test_sampled_lists_average_to_the_expected_form() -> None:
    random = torch.Generator().manual_seed(5)
    h = torch.tanh(torch.randn(10, 12, dtype=torch.float64, generator=random))
    labels = (torch.rand(10, 4, generator=random) < 0.4).long()
    draws = torch.stack([ranking_loss(h, labels, generator=random) for _ in range(1000)])
    error = (draws.mean() - ranking_loss(h, labels, lists="expected")).abs()
    assert error < 4 * draws.std() / math.sqrt(len(draws))
    assert draws.std() > 0


def test_equal_generators_draw_equal_lists() -> None:
    h = torch.tanh(torch.randn(20, 8, generator=torch.Generator().manual_seed(6)))
    labels = torch.eye(4).repeat(5, 1)
    first, second = (ranking_loss(h, labels, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "labels", [torch.zeros(3, 2), torch.eye(3), torch.ones(3, 2)], ids=["no labels", "nothing shared", "all shared"]
)
@pytest.mark.parametrize("lists", ["sampled", "expected"])
def test_a_batch_without_two_levels_of_relevance_costs_nothing(labels: torch.Tensor, lists: str) -> None:
    h = torch.randn(3, 8, requires_grad=True)
    loss = ranking_loss(h, labels, lists=lists)
    loss.backward()
    assert loss.item() == 0
    assert (h.grad == 0).all()
