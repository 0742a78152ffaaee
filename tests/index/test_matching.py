"""Which image of a case matched which: counted bit by bit, ties by order, and kept codes found by their bag."""

import numpy as np
import pyarrow as pa
from builders import small_workspace, write_codes

from medhash.retrieval.code_table import read_codes
from medhash.retrieval.index import KeptCodes, nearest_pair


def test_the_nearest_pair_is_that_of_a_count_bit_by_bit_and_ties_go_by_order():
    random = np.random.default_rng(0)
    for _ in range(50):
        first, second = (random.integers(0, 4, (random.integers(1, 9), 2), dtype=np.uint8) for _ in range(2))
        counted = [
            (bin(int.from_bytes(a) ^ int.from_bytes(b)).count("1"), i, j)
            for i, a in enumerate(first)
            for j, b in enumerate(second)
        ]
        distance, i, j = min(counted)
        assert nearest_pair(first, second) == (i, j, distance)


def test_kept_codes_are_those_of_the_bag_by_image_id(tmp_path):
    workspace = small_workspace(tmp_path, images_per_bag=3)
    of_images = np.random.default_rng(0).integers(0, 256, (120, 4), dtype=np.uint8)
    write_codes(workspace, "lsh", np.zeros((60, 4), np.uint8), of_images=of_images)
    table = read_codes(workspace.codes("lsh"))
    kept = KeptCodes(table.take(np.random.default_rng(1).permutation(60)))
    assert kept
    third = kept.of(f"{20_002:016x}")  # patient 1: images 4, 5, 6 and 7
    assert third.image_ids == [f"{number:016x}" for number in (4, 5, 6)]
    assert (third.codes == of_images[4:7]).all()
    assert kept.of("another bag") is None
    without = table.set_column(3, "instances", pa.nulls(60, table.schema.field("instances").type))
    assert not KeptCodes(without)
    assert KeptCodes(without).of(f"{20_002:016x}") is None
