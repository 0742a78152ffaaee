"""Many strings at once are found where a search for each by itself finds them."""

import numpy as np
import pytest

from medhash.releases.erasure.search import Needles


@pytest.mark.parametrize("greys", [2, 4, 256])
def test_found_is_what_a_plain_search_finds_at_every_offset(greys):
    random = np.random.default_rng(greys)
    needles = [random.integers(0, greys, size, np.uint8).tobytes() for size in (15, 16, 16, 32, 64, 64)]
    needles += [needles[5][:20]]  # one inside another
    for trial in range(200):
        block = bytearray(random.integers(0, greys, int(random.integers(0, 300)), np.uint8).tobytes())
        for needle in needles[: int(random.integers(0, 8))]:
            place = int(random.integers(0, len(block) + 1))
            block[place:place] = needle
        kept = [needle for needle in needles if len(set(needle)) >= 6]
        found = Needles(dict.fromkeys(kept, "")).in_block(bytes(block))
        assert found == {needle for needle in kept if needle in bytes(block)}, trial


def test_a_needle_as_plain_as_a_counter_must_stand_alone():
    needles = Needles({b"0000000000000004": "id"})
    assert needles.in_block(b'{"a": "0000000000000004"}')
    assert needles.in_block(b"0000000000000004")
    assert not needles.in_block(b"00000000000000040")
    assert not needles.in_block(b"70000000000000004,")
    assert not Needles({}).in_block(b"anything at all, and more of it")
    assert not needles.in_block(b"short")
