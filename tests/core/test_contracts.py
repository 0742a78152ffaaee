"""Tables that break their contract are neither written nor read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medhash.core import contracts
from medhash.core.contracts import SPLIT, codes_schema, read_table, write_table
from medhash.core.errors import MedhashError

GOOD = {"image_id": ["a", "b"], "patient_id": ["p", "q"], "fold": ["train", "test"]}


def test_a_table_comes_back_with_its_meaning(tmp_path: Path) -> None:
    path = tmp_path / "split.parquet"
    write_table(path, pa.table(GOOD), SPLIT, {"note": "kept"})
    table = read_table(path, SPLIT)
    assert table.to_pydict() == GOOD
    assert table.schema.metadata == {b"note": b"kept"}
    assert table.schema.field("fold").metadata[b"meaning"] == b"train, val or test"


def test_equal_tables_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_table(tmp_path / name, pa.table(GOOD), SPLIT)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"image_id": ["a"], "fold": ["train"]}, "patient_id"),
        ({**GOOD, "patient_name": ["x", "y"]}, "patient_name"),
        ({**GOOD, "fold": [1, None]}, "fold is empty in row 1"),
    ],
)
def test_a_broken_table_is_not_written_and_the_old_one_stays(tmp_path: Path, columns: dict, named: str) -> None:
    path = tmp_path / "split.parquet"
    write_table(path, pa.table(GOOD), SPLIT)
    before = path.read_bytes()
    with pytest.raises(MedhashError, match=named):
        write_table(path, pa.table(columns), SPLIT)
    assert path.read_bytes() == before


def test_a_table_of_other_shape_or_cut_short_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "codes.parquet"
    pq.write_table(pa.table({"image_id": ["a"], "fold": ["test"], "code": pa.array([b"1234567"], pa.binary(7))}), path)
    with pytest.raises(MedhashError, match=r"codes\.parquet"):
        read_table(path, codes_schema(32))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MedhashError, match="not a readable Parquet file"):
        read_table(path, codes_schema(32))


def test_every_column_says_what_it_means() -> None:
    schemas = [value for value in vars(contracts).values() if isinstance(value, pa.Schema)] + [codes_schema(32)]
    assert len(schemas) >= 9
    assert [field.name for schema in schemas for field in schema if not (field.metadata or {}).get(b"meaning")] == []
