"""Many strings at once are found where a search for each by itself finds them."""

import numpy as np
import pytest

from medhash.releases.erasure.search import Patterns


@pytest.mark.parametrize("greys", [2, 4, 256])
def test_found_is_what_a_plain_search_finds_at_every_offset(greys):
    random = np.random.default_rng(greys)
    patterns = [random.integers(0, greys, size, np.uint8).tobytes() for size in (15, 16, 16, 32, 64, 64)]
    patterns += [patterns[5][:20]]  # one inside another
    for trial in range(200):
        block = bytearray(random.integers(0, greys, int(random.integers(0, 300)), np.uint8).tobytes())
        for pattern in patterns[: int(random.integers(0, 8))]:
            place = int(random.integers(0, len(block) + 1))
            block[place:place] = pattern
        kept = [pattern for pattern in patterns if len(set(pattern)) >= 6]
        found = Patterns(dict.fromkeys(kept, "")).in_block(bytes(block))
        assert found == {pattern for pattern in kept if pattern in bytes(block)}, trial


def test_a_needle_as_plain_as_a_counter_must_stand_alone():
    patterns = Patterns({b"0000000000000004": "id"})
    assert patterns.in_block(b'{"a": "0000000000000004"}')
    assert patterns.in_block(b"0000000000000004")
    assert not patterns.in_block(b"00000000000000040")
    assert not patterns.in_block(b"70000000000000004,")
    assert not Patterns({}).in_block(b"anything at all, and more of it")
    assert not patterns.in_block(b"short")
