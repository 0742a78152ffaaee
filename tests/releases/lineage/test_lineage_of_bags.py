"""Lineage of cases: a bag is asked for by its id, and told with a digest only if it is one file."""

import pyarrow as pa
import pytest

from medhash.releases.lineage import Today, _row
from medhash.releases.lineage_text import _today


@pytest.mark.parametrize(("asked", "digest"), [("tiles-of-one-file", "a" * 64), ("two-films", None), ("i3", "b" * 64)])
def test_a_bag_has_a_digest_where_all_its_images_come_from_one_file(asked: str, digest: str | None) -> None:
    table = pa.table(
        {
            "image_id": ["i1", "i2", "i3", "i4"],
            "bag_id": ["tiles-of-one-file", "tiles-of-one-file", "two-films", "two-films"],
            "sha256": ["a" * 64, "a" * 64, "b" * 64, "c" * 64],
        }
    )
    row = _row(table, asked)
    assert row is not None
    assert row["sha256"] == digest


def test_a_case_of_several_files_is_not_said_to_have_an_unknown_digest() -> None:
    assert _today(Today(in_tables=True, sha256=None, fold="train")) == "in the tables of this checkout, fold train"
