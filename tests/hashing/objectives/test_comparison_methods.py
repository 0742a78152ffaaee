"""The comparison methods' objectives: their terms, weights, defaults and what each rewards."""

import math

import pytest
import torch
from pydantic import ValidationError

from medhash.core.errors import MedhashError
from medhash.hashing.losses.classification import classification_loss
from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss
from medhash.hashing.objectives.csq import CsqObjective
from medhash.hashing.objectives.dpsh import DpshObjective
from medhash.hashing.objectives.drh import DrhObjective
from medhash.hashing.objectives.dsh import DshObjective
from medhash.hashing.objectives.greedyhash import GreedyhashObjective
from medhash.hashing.objectives.hashnet import HashnetObjective
from medhash.hashing.objectives.idhn import IdhnObjective
from medhash.hashing.objectives.orthohash import OrthohashObjective
from medhash.hashing.objectives.osdh import OsdhObjective

RANDOM = torch.Generator().manual_seed(0)
H = torch.tanh(torch.randn(12, 16, generator=RANDOM))
LABELS = (torch.rand(12, 5, generator=RANDOM) < 0.4).float()
WEIGHT = torch.randn(16, 8, generator=RANDOM)


@pytest.mark.parametrize("wrong", [{"quantization": -0.1}, {"quantization": "0.1"}, {"margin": 1.0}])
def test_settings_refuse_a_negative_weight_an_ill_typed_and_an_unknown_one(wrong: dict[str, float | str]) -> None:
    with pytest.raises(ValidationError):
        DshObjective(**wrong)


def test_dsh_is_the_papers_sum_over_two_images() -> None:
    h, labels = torch.tensor([[0.5, 2.0], [-1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    squared = 1.5**2 + 2**2  # beyond the margin of 2K = 4
    terms = DshObjective().build(2, 2)(h, labels, WEIGHT)
    assert terms["contrastive"].item() == max(4 - squared, 0) / 2 == 0
    assert terms["quantization"].item() == pytest.approx(0.01 * ((0.5 + 1) + (0 + 1)))
    similar = DshObjective().build(2, 2)(h, torch.ones(2, 2), WEIGHT)
    assert similar["contrastive"].item() == pytest.approx(squared / 2)


def test_dpsh_weighs_half_the_inner_product() -> None:
    terms = DpshObjective(quantization=1.0).build(16, 5)(H, LABELS, WEIGHT)
    torch.testing.assert_close(terms["likelihood"], pairwise_likelihood_loss(H, LABELS @ LABELS.T > 0, 0.5))
    torch.testing.assert_close(terms["quantization"], (H.sign() - H).square().mean())


@pytest.mark.parametrize("bits", [16, 64])
def test_the_log_odds_between_equal_codes_are_ten_for_hashnet_and_five_for_idhn_at_any_length(bits: int) -> None:
    h, labels = torch.ones(2, bits), torch.eye(2)  # equal codes of two dissimilar images
    hashnet = HashnetObjective().build(bits, 2)(h, labels, WEIGHT)["likelihood"]
    idhn = IdhnObjective().build(bits, 2)(h, labels, WEIGHT)["similarity"]
    assert hashnet.item() == pytest.approx(math.log(1 + math.exp(10)))
    assert idhn.item() == pytest.approx(math.log(1 + math.exp(5)))


def test_hashnet_has_a_classifier_only_where_it_has_a_weight() -> None:
    plain, both = HashnetObjective().build(16, 5), HashnetObjective(classification=0.3).build(16, 5)
    assert list(plain.parameters()) == []
    assert set(plain(H, LABELS, WEIGHT)) == {"likelihood"}
    terms = both(H, LABELS, WEIGHT)
    assert terms["likelihood"] == plain(H, LABELS, WEIGHT)["likelihood"]
    torch.testing.assert_close(terms["classification"], 0.3 * classification_loss(both.parts["classifier"](H), LABELS))


def test_idhn_is_lowest_for_codes_at_the_distance_that_the_labels_ask_for() -> None:
    labels = torch.tensor([[1.0, 1.0], [1.0, 0.0]])  # s = 1/√2: 0.29 of the bits should differ
    costs = {}
    for differing in range(17):
        h = torch.ones(2, 16)
        h[1, :differing] = -1
        costs[differing] = IdhnObjective().build(16, 2)(h, labels, WEIGHT)["similarity"].item()
    assert min(costs, key=costs.__getitem__) == round(16 * (1 - 1 / math.sqrt(2))) == 5


def test_the_penalties_of_idhn_and_greedyhash_are_the_first_and_third_power_of_the_gap() -> None:
    h = torch.full((3, 16), 0.5)
    labels = torch.ones(3, 5)
    assert IdhnObjective(quantization=1.0).build(16, 5)(h, labels, WEIGHT)["quantization"].item() == 0.5
    assert GreedyhashObjective(penalty=1.0).build(16, 5)(h, labels, WEIGHT)["penalty"].item() == 0.125


def test_idhns_soft_pairs_weigh_a_tenth_per_bit() -> None:
    h, labels = torch.ones(2, 16), torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    assert IdhnObjective().build(16, 2)(h, labels, WEIGHT)["similarity"].item() == pytest.approx(
        0.1 / 16 * (16 - 16 / math.sqrt(2)) ** 2
    )


def test_csq_is_zero_on_the_centres_and_counts_wrong_bits_elsewhere() -> None:
    objective = CsqObjective(quantization=0.0).build(16, 5)
    labels = torch.eye(5)
    assert objective(objective.parts["centers"].rows, labels, WEIGHT)["center"].item() == 0
    h = 0.5 * objective.parts["centers"].rows  # (1 + ½)/2 is what each right bit has
    assert objective(h, labels, WEIGHT)["center"].item() == pytest.approx(-math.log(0.75))
    h[:, :4] *= -1
    assert objective(h, labels, WEIGHT)["center"].item() == pytest.approx(
        -(12 * math.log(0.75) + 4 * math.log(0.25)) / 16
    )


def test_images_without_labels_change_nothing_for_csq_and_orthohash() -> None:
    labels = torch.eye(5)[[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]]
    labels[8:] = 0
    for settings, term in ((CsqObjective(), "center"), (OrthohashObjective(), "cosine")):
        objective = settings.build(16, 5)
        torch.testing.assert_close(objective(H, labels, WEIGHT)[term], objective(H[:8], labels[:8], WEIGHT)[term])


def test_orthohashs_scale_is_the_public_8_at_64_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        "medhash.hashing.losses.cosine_margin.cosine_margin_loss",
        lambda h, labels, centers, scale, margin: seen.append(scale) or h.sum(),
    )
    OrthohashObjective().build(64, 5)(H.repeat(1, 4), LABELS, WEIGHT)
    OrthohashObjective(scale_per_root_bit=2.0).build(16, 5)(H, LABELS, WEIGHT)
    assert seen == [8, 8]


def test_greedyhash_classifies_binary_codes_and_hands_their_gradient_on() -> None:
    objective = GreedyhashObjective(penalty=0.0).build(16, 5)
    h = (3 * H).requires_grad_()
    b = torch.where(H >= 0, 1.0, -1.0).requires_grad_()
    terms = objective(h, LABELS, WEIGHT)
    terms["classification"].backward()
    classification_loss(objective.parts["classifier"](b), LABELS).backward()
    torch.testing.assert_close(h.grad, b.grad)
    assert set(terms) == {"classification"}


def test_osdh_r_and_osdh_c_leave_out_what_their_names_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_a_number(h: torch.Tensor, *_: object) -> torch.Tensor:
        return h.sum() * float("nan")

    monkeypatch.setattr("medhash.hashing.losses.ranking.ranking_loss", not_a_number)
    without_ranking = OsdhObjective(ranking=0.0).build(16, 5)(H, LABELS, WEIGHT)
    assert set(without_ranking) == {"classification"}
    assert torch.isfinite(without_ranking["classification"])
    monkeypatch.undo()
    monkeypatch.setattr("medhash.hashing.losses.classification.classification_loss", not_a_number)
    without_classification = OsdhObjective(classification=0.0).build(16, 5)
    terms = without_classification(H, LABELS, WEIGHT)
    assert set(terms) == {"ranking"}
    assert torch.isfinite(terms["ranking"])
    assert list(without_classification.parameters()) == []


def test_an_osdh_without_any_term_is_refused() -> None:
    with pytest.raises(MedhashError, match="nothing to learn from"):
        OsdhObjective(ranking=0.0, classification=0.0)


def test_drh_without_hashing_terms_is_the_retrieval_loss_alone() -> None:
    objective = DrhObjective(quantization=0.0, balance=0.0, orthogonality=0.0).build(16, 5)
    terms = objective(H, LABELS, WEIGHT * float("nan"))
    assert set(terms) == {"nca"}
    assert torch.isfinite(terms["nca"])
