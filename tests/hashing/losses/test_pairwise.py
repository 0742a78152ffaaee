"""The losses over pairs of images against hand calculation and plain loops."""

import itertools
import math

import pytest
import torch

from medhash.hashing.losses.contrastive import contrastive_loss
from medhash.hashing.losses.pairs import different_images, mean_over_pairs, share_a_label
from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss
from medhash.hashing.losses.soft_similarity import soft_similarity_loss

Pair = tuple[list[float], list[float], set[int], set[int]]


def random_batch(n_images: int = 8, bits: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    h = 1.5 * torch.randn(n_images, bits, dtype=torch.float64, generator=random)
    labels = (torch.rand(n_images, 4, generator=random) < 0.4).double()
    labels[-2:] = 0  # images without labels: not even alike themselves
    labels[0] = labels[1]  # two with the same
    return h, labels


def pairs(h: torch.Tensor, labels: torch.Tensor) -> list[Pair]:
    rows, sets = h.tolist(), [{c for c, value in enumerate(row) if value} for row in labels.tolist()]
    return [(rows[i], rows[j], sets[i], sets[j]) for i, j in itertools.permutations(range(len(rows)), 2)]


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def negative_log_likelihood(log_odds: float, similar: bool) -> float:
    return math.log(1 + math.exp(log_odds)) - similar * log_odds


THREE = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], dtype=torch.float64)
FIRST_TWO = torch.tensor([[1, 0], [1, 0], [0, 1]])


def test_contrastive_of_three_images_by_hand() -> None:
    similar = share_a_label(FIRST_TWO)  # d² = 4 for the similar pair, 8 and 4 for the others
    assert contrastive_loss(THREE, similar, margin=6.0).item() == pytest.approx((4 / 2 + 0 + (6 - 4) / 2) / 3)


def test_likelihood_of_three_images_by_hand() -> None:
    similar = share_a_label(FIRST_TWO)  # inner products 0 (similar), -2 and 0
    plain = (math.log(2) + math.log(1 + math.exp(-1)) + math.log(2)) / 3
    assert pairwise_likelihood_loss(THREE, similar, 0.5).item() == pytest.approx(plain)
    balanced = math.log(2) + (math.log(1 + math.exp(-1)) + math.log(2)) / 2
    assert pairwise_likelihood_loss(THREE, similar, 0.5, balanced=True).item() == pytest.approx(balanced)


def test_soft_similarity_of_three_images_by_hand() -> None:
    labels = torch.tensor([[1, 1], [1, 0], [0, 0]])  # s = 1/√2, 0, 0; inner products 0, -2, 0
    soft = 0.1 * ((0 + 2) / 2 - 2 / math.sqrt(2)) ** 2
    by_hand = (soft + math.log(1 + math.exp(-1)) + math.log(2)) / 3
    assert soft_similarity_loss(THREE, labels, 0.5, 0.1).item() == pytest.approx(by_hand)


def test_contrastive_equals_plain_loops() -> None:
    h, labels = random_batch()
    costs = []
    for a, b, own, other in pairs(h, labels):
        squared = sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
        costs.append(squared / 2 if own & other else max(0.0, 12.0 - squared) / 2)
    assert contrastive_loss(h, share_a_label(labels), 12.0).item() == pytest.approx(sum(costs) / len(costs), rel=1e-12)


@pytest.mark.parametrize("slope", [0.1, 0.5, 3.0])
def test_likelihood_equals_plain_loops_with_the_papers_weights(slope: float) -> None:
    h, labels = random_batch()
    costs = [
        (negative_log_likelihood(slope * dot(a, b), bool(own & other)), bool(own & other))
        for a, b, own, other in pairs(h, labels)
    ]
    n_similar = sum(similar for _, similar in costs)
    n_dissimilar = len(costs) - n_similar
    plain = sum(cost for cost, _ in costs) / len(costs)
    weighted = sum(cost * len(costs) / (n_similar if similar else n_dissimilar) for cost, similar in costs) / len(costs)
    similar = share_a_label(labels)
    assert pairwise_likelihood_loss(h, similar, slope).item() == pytest.approx(plain, rel=1e-12)
    assert pairwise_likelihood_loss(h, similar, slope, True).item() == pytest.approx(weighted, rel=1e-12)


def test_soft_similarity_equals_plain_loops() -> None:
    h, labels = random_batch()
    costs, kinds = [], set()
    for a, b, own, other in pairs(h, labels):
        s = len(own & other) / math.sqrt(len(own) * len(other)) if own and other else 0.0
        kind = "equal" if own and own == other else "soft" if s else "disjoint"
        kinds.add(kind)
        costs.append(
            0.1 * ((dot(a, b) + 6) / 2 - 6 * s) ** 2
            if kind == "soft"
            else negative_log_likelihood(0.7 * dot(a, b), kind == "equal")
        )
    assert kinds == {"equal", "soft", "disjoint"}
    assert soft_similarity_loss(h, labels, 0.7, 0.1).item() == pytest.approx(sum(costs) / len(costs), rel=1e-12)


def test_seven_shared_labels_are_equal_and_not_nearly_so() -> None:
    labels = torch.ones(2, 7)  # √7 · √7 is not 7 in floating point
    h = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    assert soft_similarity_loss(h, labels, 1.0, 1e9).item() == pytest.approx(math.log(1 + math.exp(-2)))


@pytest.mark.parametrize("log_odds", [50.0, 1e4])
def test_the_likelihood_of_certain_and_wrong_codes_is_their_log_odds_and_not_infinite(log_odds: float) -> None:
    h = torch.tensor([[1.0], [-1.0]], requires_grad=True)
    loss = pairwise_likelihood_loss(h, torch.ones(2, 2, dtype=torch.bool), log_odds)
    loss.backward()
    assert loss.item() == pytest.approx(log_odds)
    assert torch.isfinite(h.grad).all()


def test_a_dissimilar_pair_beyond_the_margin_is_left_alone_and_one_within_is_pushed() -> None:
    dissimilar = torch.zeros(2, 2, dtype=torch.bool)
    for distance, pushed in ((3.0, False), (1.0, True)):
        h = torch.tensor([[0.0], [distance]], requires_grad=True)
        contrastive_loss(h, dissimilar, 4.0).backward()
        assert (h.grad[1].item() < 0) == pushed


def test_images_without_labels_are_similar_to_none() -> None:
    labels = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    assert share_a_label(labels).tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False] * 4,
        [False] * 4,
    ]


def test_the_mean_is_over_chosen_pairs_and_zero_where_there_is_none() -> None:
    values = torch.tensor([[1.0, 2.0], [4.0, 8.0]], requires_grad=True)
    others = different_images(2, values.device)
    assert mean_over_pairs(values, others).item() == 3
    assert mean_over_pairs(values, ~others & others).item() == 0
