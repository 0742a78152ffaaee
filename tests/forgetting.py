"""The list of forgotten patients as the documentation describes it, and all that ingest leaves as text."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from medhash.archives.pseudonyms import pseudonyms

KEY = b"a key of the tests, not of a hospital"


def forget(root, *patients: str) -> None:
    """Write the list as the documentation describes it, with nothing of the product."""
    lines = [
        hashlib.sha256(b"forgotten\0" + pseudonyms(KEY, "patient", [patient])[0].encode()).hexdigest()
        for patient in patients
    ]
    path = root / "data" / "forgotten.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("# a comment\n\n" + "".join(f"{line}\n" for line in lines))


def named_in_outputs(root) -> str:
    """Every cell of every table that ingest leaves, as one text."""
    tables = [pq.read_table(path) for folder in ("data/derived", "var") for path in (root / folder).rglob("*.parquet")]
    assert all(isinstance(table, pa.Table) for table in tables)
    return "\n".join(str(table.to_pylist()) for table in tables)
