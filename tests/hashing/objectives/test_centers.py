"""Hash centres: orthogonal where they can be, the same for a seed, and a message where there are none."""

import pytest
import torch

from medhash.core.errors import MedhashError
from medhash.hashing.objectives.centers import hash_centers
from medhash.hashing.objectives.csq import CsqObjective
from medhash.hashing.objectives.orthohash import OrthohashObjective


def distances(centers: torch.Tensor) -> torch.Tensor:
    i, j = torch.triu_indices(len(centers), len(centers), offset=1)
    return (centers[i] != centers[j]).sum(dim=1)


@pytest.mark.parametrize("bits", [8, 16, 64])
@pytest.mark.parametrize("n_labels", [1, 5, 8])
def test_up_to_k_labels_are_half_the_bits_from_each_other(n_labels: int, bits: int) -> None:
    centers = hash_centers(n_labels, bits, "hadamard", 0)
    assert centers.shape == (n_labels, bits)
    assert set(centers.unique().tolist()) <= {-1.0, 1.0}
    assert (distances(centers) == bits // 2).all()


def test_up_to_2k_labels_are_half_or_all_of_the_bits_from_each_other() -> None:
    assert set(distances(hash_centers(16, 8, "hadamard", 0)).tolist()) == {4, 8}


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("seed", range(4))
def test_the_bits_of_14_labels_all_differ(bits: int, seed: int) -> None:
    centers = hash_centers(14, bits, "hadamard", seed)  # of the first 14 rows, only 16 columns do
    assert centers.unique(dim=1).shape[1] == bits


def test_bernoulli_centres_are_of_any_number_and_half_ones() -> None:
    centers = hash_centers(300, 48, "bernoulli", 0)
    assert centers.shape == (300, 48)
    assert abs(centers.mean().item()) < 4 / (300 * 48) ** 0.5


@pytest.mark.parametrize("kind", ["hadamard", "bernoulli"])
def test_the_seed_decides_and_the_global_stream_is_left_alone(kind: str) -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first, same, other = (hash_centers(5, 16, kind, seed) for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("settings", [CsqObjective(), OrthohashObjective()], ids=["csq", "orthohash"])
@pytest.mark.parametrize(
    ("bits", "n_labels", "problem"),
    [(48, 5, "power of two of bits, not 48"), (16, 33, "32 hash centres, but there are 33 labels")],
)
def test_impossible_centres_are_refused_with_the_way_out(
    settings: CsqObjective | OrthohashObjective, bits: int, n_labels: int, problem: str
) -> None:
    with pytest.raises(MedhashError, match=problem) as error:
        settings.build(bits, n_labels)
    assert "centers: bernoulli" in error.value.fix
    assert type(settings)(centers="bernoulli").build(bits, n_labels) is not None
