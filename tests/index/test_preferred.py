"""Neighbours by preference against plain sorts: of weighted sums of bits counted one by one, and of tuples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index.made import in_memory, parts
from index.test_search import placed

from medhash.core.errors import MedhashError
from medhash.retrieval.index import load_index, search, write_index
from medhash.retrieval.preference import Preference, bit_weights, parse_preference, sub_code_weights
from medhash.retrieval.preferred_search import distances_by_part, preferred_neighbours, stored_codes


def index_of(folder, codes):
    write_index(folder / "index", placed(codes, ["anna"] * len(codes)), "0" * 64, "1" * 64)
    return load_index(folder / "index")


def bits_of(code):
    """As text, of Python ints alone."""
    return "".join(f"{byte:08b}" for byte in code.tolist())


def part_distances(first, second, sub_codes):
    one, other = bits_of(first), bits_of(second)
    return [
        sum(a != b for a, b in zip(one[part.start : part.stop], other[part.start : part.stop], strict=True))
        for part in sub_codes
    ]


def drawn_codes(random, n, n_bytes):
    """Few bits differ, so that there are many ties."""
    return np.packbits(random.random((n, 8 * n_bytes)) < 0.08, axis=1)


@pytest.mark.parametrize("widths", [(16, 16, 16), (1, 30, 1), (22, 21, 21), (7, 9, 8), (86, 85, 85), (3, 4, 1)])
@pytest.mark.parametrize("order", [("organ", "pathology"), ("pathology",), ("modality", "pathology", "organ")])
def test_preferred_sub_codes_order_as_tuples_of_their_distances_do(widths, order):
    random = np.random.default_rng(sum(widths))
    codes, sub_codes = drawn_codes(random, 300, sum(widths) // 8), parts(*widths)
    names = [part.name for part in sub_codes]

    def key(row):
        by_name = dict(zip(names, part_distances(codes[row], codes[7], sub_codes), strict=True))
        return *(by_name[name] for name in order), sum(by_name[name] for name in names if name not in order), row

    expected = sorted(range(len(codes)), key=key)
    weights = bit_weights(Preference(prefer=order), sub_codes, sum(widths))
    for k in (1, 10, 150, 300, 1000):
        assert preferred_neighbours(in_memory(codes), codes[7], weights, k).tolist() == expected[:k]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_weights_and_candidates_give_what_a_sort_of_plain_numbers_gives(data):
    n_bytes = data.draw(st.integers(1, 9))
    cuts = sorted(data.draw(st.sets(st.integers(1, 8 * n_bytes - 1), max_size=6)))
    ends = [*cuts, 8 * n_bytes]
    names = [f"part-{place}" for place in range(len(ends))]
    sub_codes = parts(*np.diff([0, *ends]).tolist(), names=names)
    preferring = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=2))
    numbers = st.one_of(st.integers(0, 5).map(str), st.integers(0, 10**6).map(lambda n: f"{n // 100}.{n % 100:02}"))
    weighted = {name: data.draw(numbers) for name in names if name not in preferring and data.draw(st.booleans())}
    if len(names) == 1 or (not preferring and weighted and not any(float(weighted.get(name, "1")) for name in names)):
        preferring, weighted = [], {}
    preference = (
        parse_preference(",".join(preferring), ",".join(f"{a}={b}" for a, b in weighted.items())) or Preference()
    )
    random = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    codes = drawn_codes(random, data.draw(st.integers(1, 60)), n_bytes)
    query = drawn_codes(random, 1, n_bytes)[0]
    candidates = random.random(len(codes)) < 0.6 if data.draw(st.booleans()) else None
    k = data.draw(st.integers(1, 70))

    weights = sub_code_weights(preference, sub_codes)
    exact = [
        sum(weight * distance for weight, distance in zip(weights, part_distances(code, query, sub_codes), strict=True))
        for code in codes
    ]
    allowed = [row for row in range(len(codes)) if candidates is None or candidates[row]]
    expected = sorted(allowed, key=lambda row: (exact[row], row))[:k]
    found = preferred_neighbours(
        in_memory(codes), query, bit_weights(preference, sub_codes, 8 * n_bytes), k, candidates
    )
    assert found.tolist() == expected


def test_over_many_blocks_ties_go_to_the_lowest_positions_whatever_k():
    random = np.random.default_rng(0)
    codes = np.zeros((50_000, 6), np.uint8)
    codes[:, 1] = random.integers(0, 2, len(codes))
    codes[:, 4] = random.integers(0, 4, len(codes))
    sub_codes = parts(16, 16, 16)
    index, weights = in_memory(codes), bit_weights(parse_preference(prefer="pathology"), sub_codes, 48)
    exact = np.unpackbits(codes[:, 1:2], axis=1).sum(1) + 33 * np.unpackbits(codes[:, 4:5], axis=1).sum(1).astype(int)
    candidates = random.random(len(codes)) < 0.7
    for allowed in (None, candidates):
        kept = np.arange(len(codes)) if allowed is None else np.flatnonzero(allowed)
        expected = kept[np.argsort(exact[kept], kind="stable")]
        for k in (1, 3, 9_000, 20_000, 49_999, 60_000):
            assert (preferred_neighbours(index, np.zeros(6, np.uint8), weights, k, allowed) == expected[:k]).all()


def test_weights_near_the_end_of_an_int64_are_exact():
    codes = np.array([[0b10000000], [0b01111111], [0b00000000], [0b11111111]], np.uint8)
    weights = np.array([2**62] + [2**62 // 7] * 7)
    exact = [
        sum(int(weight) for weight, bit in zip(weights, bits_of(code), strict=True) if bit == "1") for code in codes
    ]
    found = preferred_neighbours(in_memory(codes), np.zeros(1, np.uint8), weights, 4)
    assert found.tolist() == sorted(range(4), key=lambda row: (exact[row], row))


def test_equal_weights_give_the_order_of_the_plain_search(tmp_path):
    codes = drawn_codes(np.random.default_rng(3), 400, 6)
    index = index_of(tmp_path, codes)
    expected = [neighbour.bag_id for neighbour in search(index, codes[5], 100)]
    found = preferred_neighbours(index, codes[5], np.ones(48, np.int64), 100)
    assert [index.bag_ids[position].as_py() for position in found] == expected


def test_codes_are_read_where_the_index_holds_them_and_cannot_be_written(tmp_path):
    codes = drawn_codes(np.random.default_rng(4), 50, 3)
    index = index_of(tmp_path, codes)
    stored = stored_codes(index)
    assert (stored == codes).all()
    assert stored.ctypes.data == stored_codes(index).ctypes.data
    with pytest.raises(ValueError, match="read-only"):
        stored[0, 0] = 1


def test_distances_within_parts_are_those_counted_one_by_one():
    codes = drawn_codes(np.random.default_rng(5), 40, 6)
    sub_codes = parts(17, 15, 16)
    found = distances_by_part(codes, codes[3], [(part.start, part.stop) for part in sub_codes])
    assert found.tolist() == [part_distances(code, codes[3], sub_codes) for code in codes]


@pytest.mark.parametrize(("n_bytes", "k", "message"), [(4, 3, "code has 32 bits, the index 16"), (2, 0, "k is 0")])
def test_a_code_of_another_width_or_no_neighbours_is_refused(n_bytes, k, message):
    with pytest.raises(MedhashError, match=message):
        preferred_neighbours(
            in_memory(np.zeros((3, 2), np.uint8)), np.zeros(n_bytes, np.uint8), np.ones(16, np.int64), k
        )
