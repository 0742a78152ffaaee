"""What every term must satisfy: autograd agrees with finite differences, and order of images and bits is nothing."""

from collections.abc import Callable

import pytest
import torch

from medhash.hashing.losses.balance import balance_loss
from medhash.hashing.losses.binary_gap import binary_gap_loss
from medhash.hashing.losses.center import center_loss
from medhash.hashing.losses.classification import classification_loss
from medhash.hashing.losses.contrastive import contrastive_loss
from medhash.hashing.losses.cosine_margin import cosine_margin_loss
from medhash.hashing.losses.nca import nca_loss
from medhash.hashing.losses.orthogonality import orthogonality_loss
from medhash.hashing.losses.pairs import share_a_label
from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss
from medhash.hashing.losses.quantization import quantization_loss
from medhash.hashing.losses.ranking import ranking_loss
from medhash.hashing.losses.soft_similarity import soft_similarity_loss

Term = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
TERMS: dict[str, Term] = {
    "nca expected": lambda h, labels: nca_loss(h, labels @ labels.T > 0),
    "nca log": lambda h, labels: nca_loss(h, labels @ labels.T > 0, 2.0, "log"),
    "quantization": lambda h, labels: quantization_loss(h),
    "balance centred": lambda h, labels: balance_loss(h),
    "balance literal": lambda h, labels: balance_loss(h, "literal"),
    "ranking expected": lambda h, labels: ranking_loss(h, labels, lists="expected"),
    "contrastive": lambda h, labels: contrastive_loss(h, share_a_label(labels), 4.0),
    "likelihood": lambda h, labels: pairwise_likelihood_loss(h, share_a_label(labels), 0.5),
    "likelihood balanced": lambda h, labels: pairwise_likelihood_loss(h, share_a_label(labels), 0.5, balanced=True),
    "soft similarity": lambda h, labels: soft_similarity_loss(h, labels, 0.7, 0.1),
    "binary gap 1": lambda h, labels: binary_gap_loss(h, 1),
    "binary gap 2": lambda h, labels: binary_gap_loss(h, 2),
    "binary gap 3": lambda h, labels: binary_gap_loss(h, 3),
}
CENTERS = torch.tensor(
    [[1, 1, 1, 1, 1, 1], [1, -1, 1, -1, 1, -1], [-1, 1, 1, -1, -1, 1], [1, 1, -1, -1, 1, 1]], dtype=torch.float64
)
WITHOUT_INVARIANCE: dict[str, Term] = {
    "ranking sampled": lambda h, labels: ranking_loss(h, labels, generator=torch.Generator().manual_seed(0)),
    "orthogonality": lambda h, labels: orthogonality_loss(h),
    "classification": lambda h, labels: classification_loss(h[:, :4], labels),
    "center": lambda h, labels: center_loss(h, CENTERS.repeat(2, 1), labels.sum(dim=1) > 0),
    "cosine margin": lambda h, labels: cosine_margin_loss(h, labels, CENTERS, 2.0, 0.2),
}


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    h = torch.tanh(torch.randn(8, 6, dtype=torch.float64, generator=random))
    return h, (torch.rand(8, 4, dtype=torch.float64, generator=random) < 0.4).double()


@pytest.mark.parametrize("name", [*TERMS, *WITHOUT_INVARIANCE])
def test_autograd_agrees_with_finite_differences(name: str, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    h, labels = batch
    term = (TERMS | WITHOUT_INVARIANCE)[name]
    assert torch.autograd.gradcheck(lambda x: term(x, labels), h.requires_grad_())


@pytest.mark.parametrize("name", TERMS)
def test_the_order_of_images_and_of_bits_changes_nothing(name: str, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    h, labels = batch
    random = torch.Generator().manual_seed(1)
    images, bits = torch.randperm(8, generator=random), torch.randperm(6, generator=random)
    value = TERMS[name](h, labels)
    torch.testing.assert_close(TERMS[name](h[images], labels[images]), value)
    torch.testing.assert_close(TERMS[name](h[:, bits], labels), value)


@pytest.mark.parametrize("name", TERMS)
def test_the_order_of_labels_and_the_sign_of_a_bit_change_nothing(
    name: str, batch: tuple[torch.Tensor, torch.Tensor]
) -> None:
    h, labels = batch
    flipped = h * torch.tensor([1, -1, 1, 1, -1, 1])
    torch.testing.assert_close(TERMS[name](flipped, labels.flip(1)), TERMS[name](h, labels))
