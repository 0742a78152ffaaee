"""Ways to spoil what a stage has written, for tests of the gates: each changes a file in place."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medhash.core.workspace import Workspace


def change(path: Path, **cells: dict[int, object]) -> None:
    """Overwrite cells of a Parquet table: column → {row: value}."""
    table = pq.read_table(path)
    for name, values in cells.items():
        column = table[name].to_pylist()
        for row, value in values.items():
            column[row] = value
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(column, table.schema.field(name).type))
    pq.write_table(table, path)


def take(path: Path, rows: list[int]) -> None:
    pq.write_table(pq.read_table(path).take(rows), path)


def add_column(path: Path, name: str, value: str) -> None:
    table = pq.read_table(path)
    pq.write_table(table.append_column(name, pa.array([value] * table.num_rows)), path)


def refuse(path: Path, n: int) -> None:
    pq.write_table(
        pa.table(
            {
                "source_row": range(500, 500 + n),
                "image_id": [None] * n,
                "reason": ["truncated"] * n,
                "detail": ["cut off"] * n,
            },
            schema=pq.read_schema(path),
        ),
        path,
    )


def change_array(path: Path, index: object, value: object) -> None:
    array = np.load(path)
    array[index] = value
    np.save(path, array)


def resave(path: Path, function: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(path, function(np.load(path)))


def edit_json(path: Path, function: Callable[[dict], object]) -> None:
    document = json.loads(path.read_text())
    function(document)
    path.write_text(json.dumps(document))


def set_parameter(workspace: Workspace, old: str, new: str) -> None:
    path = workspace.root / "params.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def flip_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def rewrite_codes(workspace: Workspace, function: Callable[[np.ndarray], object]) -> None:
    """Replace the packed codes, uint8 (images, 2), in place."""
    table = pq.read_table(workspace.codes("lsh"))
    codes = np.frombuffer(b"".join(table["code"].to_pylist()), np.uint8).reshape(-1, 2).copy()
    function(codes)
    column = pa.array([row.tobytes() for row in codes], pa.binary(2))
    pq.write_table(table.set_column(2, table.schema.field("code"), column), workspace.codes("lsh"))


def kill_bits(codes: np.ndarray) -> None:
    codes[:, 0] = 0


def lower_map(document: dict) -> None:
    document["figures"].update(map=0.1, map_worst_ties=0.05, map_best_ties=0.15)
    document["intervals"]["map"] = {"value": 0.1, "low": 0.05, "high": 0.15}


def require_named(workspace: Workspace, stage: str, words: str, row: str, poison: Callable[[Workspace], None]) -> None:
    """The gate of a stage over spoilt files fails in the one check with these words, and names the row."""
    from components.quality.gate import check_stage
    from medhash.core.params import load_params

    poison(workspace)
    report, _ = check_stage(stage, workspace, load_params(workspace.root / "params.yaml"))
    failed = [check for check in report.checks if words in check.expectation and not check.success]
    assert len(failed) == 1, [check for check in report.checks if not check.success]
    assert any(named.startswith(row) for named in failed[0].offending), failed[0]
    assert not report.success
