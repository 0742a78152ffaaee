"""Deep Multiple Instance Hashing's objective: its arms, their schedule, and which pairs they see."""

import pytest
import torch

from medhash.core.errors import MedhashError
from medhash.hashing.catalogue import find_method, with_overrides
from medhash.hashing.losses.nca import nca_loss
from medhash.hashing.losses.pairs import different_images
from medhash.hashing.losses.robust_pairs import robust_pair_loss
from medhash.hashing.objectives.dmih import DmihObjective

RANDOM = torch.Generator().manual_seed(0)
BITS = 16
SIZES = [2, 1, 3, 2]
STARTS = torch.tensor([0, 2, 3, 6, 8])
BAG_OF = [bag for bag, size in enumerate(SIZES) for _ in range(size)]
H = torch.tanh(torch.randn(4, BITS, generator=RANDOM))
INSTANCES = torch.tanh(torch.randn(8, BITS, generator=RANDOM))
LABELS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
SIMILAR = LABELS @ LABELS.T > 0
WEIGHT = torch.randn(BITS, 8, generator=RANDOM)


def terms(done: float, **settings: object) -> dict[str, torch.Tensor]:
    return DmihObjective(**settings).build(BITS, 3)(H, LABELS, WEIGHT, instances=INSTANCES, starts=STARTS, done=done)


def penalty(e: float, delta: float = 0.1) -> float:
    return e * e / (2 * delta) if e <= delta else e - delta / 2


def test_the_instance_arm_is_a_plain_loop_over_pairs_of_different_bags_with_their_bags_labels() -> None:
    costs: dict[bool, list[float]] = {True: [], False: []}
    for first in range(8):
        for second in range(8):
            if BAG_OF[first] == BAG_OF[second]:
                continue
            similar = bool(SIMILAR[BAG_OF[first], BAG_OF[second]])
            share = (INSTANCES[first] - INSTANCES[second]).square().sum().item() / (4 * BITS)
            e = share if similar else max(0.0, 0.5**0.5 - share**0.5) ** 2
            costs[similar].append(penalty(e))
    expected = 0.5 * sum(sum(kind) / len(kind) for kind in costs.values())
    assert terms(0.0)["instances"].item() == pytest.approx(0.5 * expected, rel=1e-4)


def test_the_bag_arm_is_the_pair_loss_or_nca_of_the_bags() -> None:
    others = different_images(4, H.device)
    torch.testing.assert_close(terms(1.0)["bags"], robust_pair_loss(H, SIMILAR, others, 0.5, "huber", 0.1))
    torch.testing.assert_close(
        terms(1.0, penalty="tukey", tukey=0.7)["bags"], robust_pair_loss(H, SIMILAR, others, 0.5, "tukey", 0.7)
    )
    torch.testing.assert_close(
        terms(1.0, penalty="none", margin=0.3)["bags"], robust_pair_loss(H, SIMILAR, others, 0.3, "none", 1.0)
    )
    torch.testing.assert_close(terms(1.0, loss="nca")["bags"], nca_loss(H, SIMILAR, 0.25 * BITS, "log"))


@pytest.mark.parametrize("done", [0.0, 0.25, 0.5, 0.9])
def test_the_arms_weights_are_those_of_the_schedule_and_sum_to_one(done: float) -> None:
    plain = {
        name: terms(1.0, instances=0.0)["bags"] if name == "bags" else terms(0.0, instances=1.0)["instances"]
        for name in ("bags", "instances")
    }
    at = terms(done)
    of_instances = 0.5 * (1 - done) ** 2
    torch.testing.assert_close(at["instances"], of_instances * plain["instances"])
    torch.testing.assert_close(at["bags"], (1 - of_instances) * plain["bags"])


def test_at_the_end_the_instance_arm_has_no_gradient_at_all() -> None:
    for done, moves in ((0.0, True), (0.99, True), (1.0, False)):
        instances = INSTANCES.clone().requires_grad_()
        h = H.clone().requires_grad_()
        made = DmihObjective().build(BITS, 3)(h, LABELS, WEIGHT, instances=instances, starts=STARTS, done=done)
        torch.stack(list(made.values())).sum().backward()
        assert (instances.grad is not None and bool((instances.grad != 0).any())) == moves
        assert (h.grad != 0).any(dim=1).all()
        assert ("instances" in made) == moves


def test_without_instances_images_are_all_there_is() -> None:
    single = DmihObjective().build(BITS, 3)(H, LABELS, WEIGHT)
    torch.testing.assert_close(single["bags"], terms(1.0)["bags"])
    assert set(single) == {"bags", "quantization", "balance", "orthogonality"}


def test_gradients_of_both_arms_agree_with_finite_differences() -> None:
    objective = DmihObjective().build(BITS, 3).double()

    def total(h: torch.Tensor, instances: torch.Tensor) -> torch.Tensor:
        made = objective(h, LABELS.double(), WEIGHT.double(), instances=instances, starts=STARTS, done=0.2)
        return torch.stack(list(made.values())).sum()

    inputs = tuple(codes.double().requires_grad_() for codes in (H, INSTANCES))
    assert torch.autograd.gradcheck(total, inputs)


@pytest.mark.parametrize("labels", [torch.zeros(4, 3), torch.ones(4, 3), torch.eye(4)[:, :3]])
@pytest.mark.parametrize("settings", [{}, {"loss": "nca"}, {"penalty": "tukey"}])
def test_odd_batches_have_finite_losses_and_gradients(labels: torch.Tensor, settings: dict[str, str]) -> None:
    h, instances = H[:1].repeat(4, 1).requires_grad_(), INSTANCES[:1].repeat(8, 1).requires_grad_()
    made = DmihObjective(**settings).build(BITS, 3)(h, labels, WEIGHT, instances=instances, starts=STARTS, done=0.3)
    loss = torch.stack(list(made.values())).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(h.grad).all()
    assert torch.isfinite(instances.grad).all()


@pytest.mark.parametrize(
    ("setting", "value"), [("instances", 1.5), ("margin", 0.0), ("penalty", "l1"), ("loss", "mse")]
)
def test_settings_out_of_range_are_refused(setting: str, value: object) -> None:
    with pytest.raises(MedhashError, match=setting):
        with_overrides(find_method("dmih-max"), {setting: value})
