"""Packing of relaxed codes into bytes."""

import numpy as np
import pytest

from medhash.core.errors import MedhashError
from medhash.hashing.codes import binarise


def test_bit_zero_is_the_highest_of_byte_zero_and_zero_counts_as_plus_one() -> None:
    relaxed = np.array([[0.3, -0.1, -1, -1, -1, -1, -1, 0.0] + [-0.5] * 8, [-0.0] + [-1] * 15])
    assert binarise(relaxed).tolist() == [[0b10000001, 0], [0b10000000, 0]]


def test_codes_unpack_to_the_signs() -> None:
    relaxed = np.random.default_rng(0).normal(size=(20, 32)).astype(np.float32)
    packed = binarise(relaxed)
    assert packed.dtype == np.uint8
    assert packed.shape == (20, 4)
    for row in range(20):
        bits = [packed[row, k // 8] >> (7 - k % 8) & 1 for k in range(32)]
        assert bits == [int(value >= 0) for value in relaxed[row]]


def test_what_is_no_code_is_refused() -> None:
    with pytest.raises(MedhashError, match="whole bytes"):
        binarise(np.zeros((2, 12)))
    with pytest.raises(MedhashError, match="image 1 of the batch"):
        binarise(np.array([[0.0] * 8, [np.nan] * 8]))
