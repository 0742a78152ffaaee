"""What every objective must satisfy: finite on odd batches, full precision, gradients, repeatable, order is nothing."""

import pytest
import torch

from medhash.hashing.objectives.classify import ClassifyObjective
from medhash.hashing.objectives.csq import CsqObjective
from medhash.hashing.objectives.dmih import DmihObjective
from medhash.hashing.objectives.dpsh import DpshObjective
from medhash.hashing.objectives.drh import DrhObjective
from medhash.hashing.objectives.dsh import DshObjective
from medhash.hashing.objectives.greedyhash import GreedyhashObjective
from medhash.hashing.objectives.hashnet import HashnetObjective
from medhash.hashing.objectives.idhn import IdhnObjective
from medhash.hashing.objectives.objective import Objective
from medhash.hashing.objectives.orthohash import OrthohashObjective
from medhash.hashing.objectives.osdh import OsdhObjective

BITS, LABELS = 16, 5
EVERY: dict[str, Objective] = {
    "drh": DrhObjective(),
    "drh-log": DrhObjective(nca="log"),
    "osdh": OsdhObjective(lists="expected"),
    "osdh-r": OsdhObjective(ranking=0.0),
    "osdh-c": OsdhObjective(classification=0.0, lists="expected"),
    "dsh": DshObjective(),
    "dpsh": DpshObjective(),
    "hashnet": HashnetObjective(),
    "hashnet-classified": HashnetObjective(classification=0.3),
    "idhn": IdhnObjective(),
    "csq": CsqObjective(),
    "csq-bernoulli": CsqObjective(centers="bernoulli"),
    "orthohash": OrthohashObjective(),
    "greedyhash": GreedyhashObjective(),
    "classify": ClassifyObjective(),
    "dmih": DmihObjective(),
    "dmih-nr": DmihObjective(penalty="none"),
    "dmih-nca": DmihObjective(loss="nca"),
}
PAIRWISE = ["drh", "drh-log", "osdh-c", "dsh", "dpsh", "hashnet", "idhn", "dmih", "dmih-nr", "dmih-nca"]
UNBOUNDED = {"dsh", "dpsh", "orthohash", "greedyhash", "classify"}
NO_BITWISE_GRADIENT = {"greedyhash"}  # its gradient is meant not to be that of sgn
WEIGHT = torch.randn(BITS, 8, generator=torch.Generator().manual_seed(9))


def build(name: str) -> torch.nn.Module:
    torch.manual_seed(3)  # the classifiers' first weights
    return EVERY[name].build(BITS, LABELS)


def outputs(name: str, n_images: int = 12) -> torch.Tensor:
    z = torch.randn(n_images, BITS, generator=torch.Generator().manual_seed(1))
    return 2 * z if name in UNBOUNDED else torch.tanh(z)


def some_labels(n_images: int = 12) -> torch.Tensor:
    labels = (torch.rand(n_images, LABELS, generator=torch.Generator().manual_seed(2)) < 0.4).float()
    labels[0] = 0
    return labels


def total(objective: torch.nn.Module, h: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.stack(list(objective(h, labels, WEIGHT.to(h.dtype)).values())).sum()


ODD = {
    "no similar pair": (lambda h: h[:LABELS], torch.eye(LABELS)),
    "no dissimilar pair": (lambda h: h, torch.ones(12, LABELS)),
    "no label at all": (lambda h: h, torch.zeros(12, LABELS)),
    "one image repeated": (lambda h: h[:1].repeat(12, 1), some_labels()[3:4].repeat(12, 1)),
    "one image": (lambda h: h[:1], some_labels()[3:4]),
    "codes of exactly ±1": (lambda h: torch.where(h >= 0, 1.0, -1.0), some_labels()),
    "outputs of zero": (torch.zeros_like, some_labels()),
}


@pytest.mark.parametrize("batch", ODD)
@pytest.mark.parametrize("name", EVERY)
def test_an_odd_batch_has_a_finite_loss_and_finite_gradients(name: str, batch: str) -> None:
    change, labels = ODD[batch]
    h = change(outputs(name)).clone().requires_grad_()
    objective = build(name)
    loss = total(objective, h, labels)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(h.grad).all()
    assert all(torch.isfinite(weight.grad).all() for weight in objective.parameters())


@pytest.mark.parametrize("name", EVERY)
def test_an_ordinary_batch_moves_every_labelled_image_and_every_parameter(name: str) -> None:
    h = outputs(name).requires_grad_()
    objective = build(name)
    labels = some_labels()
    total(objective, h, labels).backward()
    assert (h.grad != 0).any(dim=1)[labels.any(dim=1)].all()  # an image without labels may stay
    assert all((weight.grad != 0).any() for weight in objective.parameters())


@pytest.mark.parametrize("name", EVERY)
def test_losses_are_in_full_precision_under_autocast_and_for_half_precision_outputs(name: str) -> None:
    objective, h = build(name), outputs(name)
    plain = objective(h, some_labels(), WEIGHT)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = objective(h, some_labels(), WEIGHT)
        rounded = objective(h.bfloat16(), some_labels(), WEIGHT)
    assert {key: value.item() for key, value in under_autocast.items()} == {
        key: value.item() for key, value in plain.items()
    }
    assert all(value.dtype == torch.float32 for value in [*under_autocast.values(), *rounded.values()])


@pytest.mark.parametrize("name", sorted(EVERY.keys() - NO_BITWISE_GRADIENT))
def test_autograd_agrees_with_finite_differences(name: str) -> None:
    objective = build(name).double()
    h, labels = outputs(name, 5).double().requires_grad_(), some_labels(5).double()
    assert torch.autograd.gradcheck(lambda x: total(objective, x, labels), h)


@pytest.mark.parametrize("name", EVERY)
def test_the_order_of_images_changes_nothing(name: str) -> None:
    objective, h, labels = build(name), outputs(name), some_labels()
    order = torch.randperm(len(h), generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(total(objective, h[order], labels[order]), total(objective, h, labels))


@pytest.mark.parametrize("name", PAIRWISE)
def test_the_order_of_bits_changes_nothing_where_no_bit_has_a_role(name: str) -> None:
    objective, h, labels = build(name), outputs(name), some_labels()
    order = torch.randperm(BITS, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(total(objective, h[:, order], labels), total(objective, h, labels))


@pytest.mark.parametrize("name", EVERY)
def test_two_builds_compute_the_same_and_a_saved_state_restores_it(name: str) -> None:
    first, other = build(name), EVERY[name].build(BITS, LABELS)  # `other` drew other first weights
    other.load_state_dict(first.state_dict())
    h, labels = outputs(name), some_labels()
    assert total(other, h, labels) == total(build(name), h, labels)
    assert not any("center" in key or "ties" in key for key in first.state_dict())


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"classify"}))  # it trains a representation, not codes
def test_codes_left_free_come_to_lie_nearer_where_a_label_is_shared(name: str) -> None:
    random = torch.Generator().manual_seed(6)
    labels = (torch.rand(40, LABELS, generator=random) < 0.25).float()
    z = (0.5 * torch.randn(40, BITS, generator=random)).requires_grad_()
    objective = build(name)
    optimizer = torch.optim.Adam([z, *objective.parameters()], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        total(objective, z if name in UNBOUNDED else torch.tanh(z), labels).backward()
        optimizer.step()
    b = torch.where(z >= 0, 1.0, -1.0)
    bits_apart, similar = (BITS - b @ b.T) / 2, labels @ labels.T > 0
    similar_apart = bits_apart[similar & ~torch.eye(40, dtype=torch.bool)].mean()
    assert bits_apart[~similar].mean() - similar_apart > 1
