"""What a suite hands to the gate: a small table and what is expected of it, in words and as an expectation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    import great_expectations.expectations as gxe

ROW = "row"


@dataclass(frozen=True)
class Inspection:
    """One table and its expectations.

    frame: its column `row` names each row to the reader (a line, a pseudonym, a label …); no cell is null, because
    Great Expectations passes over nulls; no cell holds an identifying value, because the Data Docs show cells.
    expected: what must hold, in words → the expectation that checks it.
    shows_values: the report names the value of every row, however many there are.
    """

    about: str
    frame: pd.DataFrame
    expected: "Mapping[str, gxe.Expectation]"
    shows_values: bool = False

    def __post_init__(self) -> None:
        empty = self.frame.columns[self.frame.isna().any()].tolist()
        if empty or ROW not in self.frame:
            raise ValueError(f"inspection of {self.about}: columns {empty} hold nulls, or {ROW} is missing")
