"""The losses of structured codes, against sums over pairs written out."""

import math

import pytest
import torch

from medhash.hashing.losses.cauchy import cauchy_loss
from medhash.hashing.losses.membership import membership_loss
from medhash.hashing.losses.overlap_distance import overlap_distance_loss
from medhash.hashing.losses.pairs import different_images

H = torch.tanh(torch.randn(6, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
LABELS = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1], [0, 0, 1]], dtype=torch.float64)
PAIRS = [(i, j) for i in range(6) for j in range(6) if i != j]
OTHERS = different_images(6, H.device)


def test_cauchy_is_the_cross_entropy_of_soft_similarities_pair_by_pair():
    similarity, gamma = torch.rand(6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64), 1.5
    near = far = weight_near = weight_far = 0.0
    for i, j in PAIRS:
        distance = 4 * (1 - torch.cosine_similarity(H[i], H[j], dim=0).item())
        p, t = gamma / (gamma + distance), similarity[i, j].item()
        near, weight_near = near - t * math.log(p), weight_near + t
        far, weight_far = far - (1 - t) * math.log(1 - p), weight_far + 1 - t
    assert cauchy_loss(H, similarity, OTHERS, gamma).item() == pytest.approx(near / weight_near + far / weight_far)


def test_cauchy_of_equal_and_of_opposite_codes():
    codes = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1], [-1, -1, -1, -1]])
    similar = torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    # equal codes: -log 1 = 0; opposite ones lie 4 bits apart: -log(1 - 1/5)
    assert cauchy_loss(codes, similar, different_images(3, codes.device), 1.0).item() == pytest.approx(
        -math.log(0.8), abs=1e-5
    )


def test_pairs_that_do_not_count_cost_nothing_and_none_at_all_is_zero():
    counted = OTHERS.clone()
    counted[0], counted[:, 0] = False, False
    similarity = (LABELS @ LABELS.T > 0).double()
    assert cauchy_loss(H, similarity, counted, 1.0).item() == pytest.approx(
        cauchy_loss(H[1:], similarity[1:, 1:], OTHERS[1:, 1:], 1.0).item()
    )
    assert cauchy_loss(H, similarity, torch.zeros_like(OTHERS), 1.0) == 0


@pytest.mark.parametrize("reach", [1.0, 0.5])
def test_overlap_holds_each_pairs_distance_to_its_share_of_labels(reach):
    cost = {True: [], False: []}
    for i, j in PAIRS:
        shared, together = (LABELS[i] * LABELS[j]).sum().item(), LABELS[i].add(LABELS[j]).clamp(max=1).sum().item()
        distance = (8 - (H[i] @ H[j]).item()) / 2
        excess = distance - reach * 8 * (1 - shared / together)
        cost[shared > 0].append(math.log(math.cosh(excess)) / 8)
    expected = sum(sum(values) / len(values) for values in cost.values())
    assert overlap_distance_loss(H, LABELS, reach).item() == pytest.approx(expected)


def test_overlap_is_nothing_for_equal_codes_of_equal_labels_and_half_way_codes_of_half_the_labels():
    codes = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1], [1, 1, -1, -1]])
    labels = torch.tensor([[1.0, 1], [1, 1], [1, 0]])
    assert overlap_distance_loss(codes, labels, 1.0).item() == pytest.approx(0, abs=1e-6)


def test_overlap_of_codes_of_many_bits_does_not_overflow():
    codes = torch.ones(2, 2000, requires_grad=True)
    loss = overlap_distance_loss(codes, torch.eye(2), 1.0)
    loss.backward()
    assert loss.item() == pytest.approx((2000 - math.log(2)) / 2000)
    assert torch.isfinite(codes.grad).all()


def test_membership_is_the_cross_entropy_with_several_values_in_equal_parts():
    log_membership = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25]]))
    labels = torch.tensor([[1.0, 0, 0], [0, 1, 1]])
    assert membership_loss(log_membership, labels).item() == pytest.approx(
        -(math.log(0.7) + 0.5 * math.log(0.5) + 0.5 * math.log(0.25)) / 2
    )


@pytest.mark.parametrize(
    "loss",
    [
        lambda h: cauchy_loss(h, (LABELS @ LABELS.T > 0).double(), OTHERS, 1.0),
        lambda h: overlap_distance_loss(h, LABELS, 0.5),
    ],
    ids=["cauchy", "overlap"],
)
def test_gradients_agree_with_finite_differences(loss):
    assert torch.autograd.gradcheck(loss, H.clone().requires_grad_())
