"""Binary hash centres: one code per label, far from each other."""

import numpy as np
import torch
from scipy.linalg import hadamard
from torch import nn

from medhash.core.errors import MedhashError
from medhash.hashing.objectives.objective import Centers

_BERNOULLI = "centers: bernoulli for this method in train.overrides of params.yaml"


def hash_centers(n_labels: int, bits: int, kind: Centers, seed: int) -> torch.Tensor:
    """Float32, (C, K), of ±1, the same for the same arguments.

    hadamard: rows of the Hadamard matrix H of order K or their negatives: different ones up to K labels, exactly
    K/2 bits from each other; beyond, of H and -H together, K/2 or K bits from each other. bernoulli: every bit +1
    with chance ½; two labels may by chance come near each other.
    Raises MedhashError for hadamard if K is no power of two or C > 2K.
    Source: Yuan et al., Central Similarity Quantization (2020), Hadamard and Bernoulli centres. Deviation: the rows
    and their signs are drawn by the seed. The first C ≤ 16 rows, which the public code takes, have only 16 different
    columns, one or more of them constant: 64 bits would carry what 16 can.
    """
    random = np.random.default_rng(seed)
    signs = np.array([-1, 1], dtype=np.float32)
    if kind == "bernoulli":
        return torch.from_numpy(random.choice(signs, (n_labels, bits)))
    if bits & (bits - 1):
        raise MedhashError(
            f"hash centres from a Hadamard matrix need a power of two of bits, not {bits}",
            f"set bits to a power of two such as 32 or 64, or {_BERNOULLI}",
        )
    if n_labels > 2 * bits:
        raise MedhashError(
            f"a Hadamard matrix of {bits} bits gives {2 * bits} hash centres, but there are {n_labels} labels",
            f"raise bits to the next power of two, or set {_BERNOULLI}",
        )
    rows = hadamard(bits, dtype=np.float32)
    if n_labels <= bits:
        chosen = rows[random.permutation(bits)[:n_labels]]
        return torch.from_numpy(chosen * random.choice(signs, (n_labels, 1)))
    return torch.from_numpy(np.concatenate([rows, -rows])[random.permutation(2 * bits)[:n_labels]])


class HashCenters(nn.Module):
    """A centre per label, `rows`, ±1 (C, K); and `ties`, ±1 (K,), which settles even votes of several labels.

    Both follow from the arguments and are no part of the module's state.
    """

    rows: torch.Tensor
    ties: torch.Tensor

    def __init__(self, n_labels: int, bits: int, kind: Centers, seed: int) -> None:
        super().__init__()
        self.register_buffer("rows", hash_centers(n_labels, bits, kind, seed), persistent=False)
        self.register_buffer("ties", hash_centers(1, bits, "bernoulli", seed + 1)[0], persistent=False)
