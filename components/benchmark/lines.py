"""Cells of a table as CSV: a line each, empty where there is nothing."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from typing import Any


def lines_of(kind: type[Any], cells: Sequence[Any]) -> str:
    """The fields of a dataclass as columns, a header first; figures with six digits after the point."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in fields(kind)]
    writer.writerow(names)
    for cell in cells:
        values = [getattr(cell, name) for name in names]
        writer.writerow(
            ["" if value is None else f"{value:.6f}" if isinstance(value, float) else value for value in values]
        )
    return out.getvalue()
