"""The two papers' objectives: their terms, weights and parameters."""

import pytest
import torch

from medhash.hashing.losses.nca import nca_loss
from medhash.hashing.objectives.drh import DrhObjective
from medhash.hashing.objectives.osdh import OsdhObjective

RANDOM = torch.Generator().manual_seed(0)
H = torch.tanh(torch.randn(12, 16, generator=RANDOM))
LABELS = (torch.rand(12, 5, generator=RANDOM) < 0.4).float()
WEIGHT = torch.randn(16, 8, generator=RANDOM)


def test_each_weight_scales_its_own_term_and_no_other() -> None:
    paper = DrhObjective().build(16, 5)(H, LABELS, WEIGHT)
    for key in ("quantization", "balance", "orthogonality"):
        changed = DrhObjective(**{key: 0.5}).build(16, 5)(H, LABELS, WEIGHT)
        ratio = 0.5 / getattr(DrhObjective(), key)
        assert {name: round((changed[name] / paper[name]).item(), 4) for name in paper} == {
            name: pytest.approx(ratio if name == key else 1) for name in paper
        }


def test_the_defaults_are_the_papers() -> None:
    drh, osdh = DrhObjective(), OsdhObjective()
    assert (drh.nca, drh.temperature, drh.quantization, drh.balance, drh.orthogonality) == (
        "expected",
        1.0,
        0.05,
        0.025,
        0.01,
    )
    assert (osdh.ranking, osdh.classification, osdh.margin, osdh.lists) == (0.1, 1.0, 5.0, "sampled")


def test_a_temperature_per_bit_grows_with_the_code() -> None:
    similar = LABELS @ LABELS.T > 0
    terms = DrhObjective(nca="log", temperature=0.25, temperature_per_bit=True).build(16, 5)(H, LABELS, WEIGHT)
    torch.testing.assert_close(terms["nca"], nca_loss(H, similar, 4.0, "log"))


def test_osdh_trains_its_classifier_and_drh_has_nothing_to_train() -> None:
    objective = OsdhObjective().build(16, 5)
    sum(objective(H, LABELS, WEIGHT).values()).backward()
    assert {name: tuple(parameter.shape) for name, parameter in objective.named_parameters()} == {
        "parts.classifier.weight": (5, 16),
        "parts.classifier.bias": (5,),
    }
    assert all(parameter.grad.abs().sum() > 0 for parameter in objective.parameters())
    assert list(DrhObjective().build(16, 5).parameters()) == []
