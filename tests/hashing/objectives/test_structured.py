"""Objectives of structured codes: each head's losses on its own attribute, of those who know it."""

import pytest
import torch

from medhash.core.documents import Attribute
from medhash.hashing.layout import make_layout
from medhash.hashing.losses.cauchy import cauchy_loss
from medhash.hashing.losses.pairs import different_images
from medhash.hashing.objectives.fuzzhash import FuzzhashObjective
from medhash.hashing.objectives.modhash import ModhashObjective
from medhash.hashing.objectives.objective import Objective
from medhash.hashing.objectives.ophash import OphashObjective, similarities

ATTRIBUTES = [
    Attribute(name="organ", values=["brain", "breast", "chest"], of_label=[0, 1, 2, 2]),
    Attribute(name="pathology", values=["glioma", "cyst"], of_label=[0, 1, None, 1]),
]
LAYOUT = make_layout("a method", 16, {"organ": 10, "pathology": 6}, ATTRIBUTES, ())
ORGAN, PATHOLOGY = slice(0, 10), slice(10, 16)
EVERY: dict[str, Objective] = {
    "ophash": OphashObjective(),
    "modhash": ModhashObjective(),
    "fuzzhash": FuzzhashObjective(),
    "fuzzhash-crisp": FuzzhashObjective(code_classification=0.0),
    "fuzzhash-source": FuzzhashObjective(reach=1.0),
}
SEPARATE = [name for name in EVERY if name != "ophash"]
NO_PATHOLOGY = 2
"""The combination that does not know it."""


def build(name: str) -> torch.nn.Module:
    torch.manual_seed(3)
    return EVERY[name].build(16, 4, LAYOUT)


def batch(n: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """h, combinations, log memberships."""
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(n, 5, generator=random)
    log_memberships = torch.cat([logits[:, :3].log_softmax(dim=1), logits[:, 3:].log_softmax(dim=1)], dim=1)
    labels = torch.nn.functional.one_hot(torch.arange(n) % 4, 4).float()
    return torch.tanh(torch.randn(n, 16, generator=random)), labels, log_memberships


def terms_of(
    objective: torch.nn.Module, h: torch.Tensor, labels: torch.Tensor, log_memberships: torch.Tensor
) -> dict[str, torch.Tensor]:
    return objective(h, labels, h.new_zeros(0, 0), log_memberships=log_memberships)


def total(objective: torch.nn.Module, *given: torch.Tensor) -> torch.Tensor:
    return torch.stack(list(terms_of(objective, *given).values())).sum()


@pytest.mark.parametrize("name", SEPARATE)
def test_a_heads_losses_move_its_own_bits_and_no_others(name):
    h, labels, log_memberships = batch()
    h.requires_grad_()
    terms = terms_of(build(name), h, labels, log_memberships)
    sum(value for key, value in terms.items() if key.startswith("organ/")).backward()
    assert (h.grad[:, ORGAN] != 0).any()
    assert not h.grad[:, PATHOLOGY].any()


@pytest.mark.parametrize("name", EVERY)
def test_who_does_not_know_an_attribute_takes_no_part_in_its_losses(name):
    h, labels, log_memberships = batch()
    h.requires_grad_()
    terms = terms_of(build(name), h, labels, log_memberships)
    sum(value for key, value in terms.items() if key.startswith("pathology/")).backward()
    unknown = labels[:, NO_PATHOLOGY] > 0
    assert not h.grad[unknown].any()
    assert (h.grad[~unknown][:, PATHOLOGY] != 0).any(dim=1).all()


@pytest.mark.parametrize("name", EVERY)
def test_leaving_such_cases_out_changes_nothing_of_that_attribute(name):
    h, labels, log_memberships = batch()
    knows = labels[:, NO_PATHOLOGY] == 0
    objective = build(name)
    whole, fewer = (
        terms_of(objective, h, labels, log_memberships),
        terms_of(objective, h[knows], labels[knows], log_memberships[knows]),
    )
    for key in whole:
        if key.startswith("pathology/"):
            torch.testing.assert_close(whole[key], fewer[key])


@pytest.mark.parametrize(
    "change",
    [
        lambda h, labels, logs: (h[2:3], labels[2:3], logs[2:3]),  # nobody knows the pathology
        lambda h, labels, logs: (h[:1], labels[:1], logs[:1]),  # one case
        lambda h, labels, logs: (h, torch.zeros_like(labels), logs),  # nobody knows anything
        lambda h, labels, logs: (torch.where(h >= 0, 1.0, -1.0), labels, logs),
        lambda h, labels, logs: (torch.zeros_like(h), labels, logs),
    ],
    ids=["pathology unknown", "one", "nothing known", "signs", "zeros"],
)
@pytest.mark.parametrize("name", EVERY)
def test_an_odd_batch_has_the_same_terms_all_finite(name, change):
    objective, given = build(name), batch()
    h, labels, log_memberships = change(*given)
    h = h.clone().requires_grad_()
    terms = terms_of(objective, h, labels, log_memberships)
    total(objective, h, labels, log_memberships).backward()
    assert terms.keys() == terms_of(objective, *given).keys()
    assert all(torch.isfinite(value) for value in terms.values())
    assert torch.isfinite(h.grad).all()


@pytest.mark.parametrize("name", EVERY)
def test_gradients_agree_with_finite_differences_and_order_is_nothing(name):
    objective = build(name).double()
    h, labels, log_memberships = (value.double() for value in batch(5))
    assert torch.autograd.gradcheck(
        lambda x, m: total(objective, x, labels, m), (h.requires_grad_(), log_memberships.requires_grad_())
    )
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(
        total(objective, h[order], labels[order], log_memberships[order]), total(objective, h, labels, log_memberships)
    )


def test_ophash_relates_by_one_half_cases_of_one_organ_and_another_pathology():
    labels = torch.eye(4)[[0, 1, 3, 2]]  # glioma of the brain, cyst of the breast, cyst of the chest, chest
    semantic, relational, counted = similarities(build("ophash").parts["targets"], labels)
    assert relational.tolist() == [[1, 0, 0, 0], [0, 1, 0.5, 0], [0, 0.5, 1, 1], [0, 0, 1, 1]]
    assert semantic.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert counted.tolist() == (~torch.eye(4, dtype=torch.bool)).tolist()


def test_each_of_ophashs_two_similarities_has_its_own_weight():
    h, labels, log_memberships = batch()
    terms = terms_of(OphashObjective(semantic=2.0, relational=3.0).build(16, 4, LAYOUT), h, labels, log_memberships)
    semantic, relational, counted = similarities(build("ophash").parts["targets"], labels)
    torch.testing.assert_close(terms["semantic"], 2 * cauchy_loss(h, semantic, counted, 1.0))
    torch.testing.assert_close(terms["relational"], 3 * cauchy_loss(h, relational, counted, 1.0))
    assert counted.equal(different_images(12, h.device))


@pytest.mark.parametrize("name", EVERY)
def test_codes_left_free_come_to_lie_nearer_in_the_sub_code_of_what_they_share(name):
    _, labels, log_memberships = batch(40)
    z = (0.5 * torch.randn(40, 16, generator=torch.Generator().manual_seed(6))).requires_grad_()
    objective = build(name)
    optimizer = torch.optim.Adam([z, *objective.parameters()], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        total(objective, torch.tanh(z), labels, log_memberships).backward()
        optimizer.step()
    b = torch.where(z >= 0, 1.0, -1.0)
    for place, bits in enumerate((ORGAN, PATHOLOGY)):
        targets = objective.parts["targets"].of(place, labels)
        knows = targets.any(dim=1)
        shared = (targets @ targets.T > 0)[knows][:, knows]
        width = bits.stop - bits.start
        apart = ((width - b[:, bits] @ b[:, bits].T) / 2)[knows][:, knows]
        others = ~torch.eye(int(knows.sum()), dtype=torch.bool)
        assert apart[~shared].mean() - apart[shared & others].mean() > 1
