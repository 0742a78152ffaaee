"""What a table needs: rows to show, and the items (method, bits, seed) that DVC runs for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from medhash.benchmark.papers import TABLES, PaperRow, Table, every_row
from medhash.core.errors import MedhashError
from medhash.hashing.catalogue import CATALOGUE, Unbinarised, find_method
from medhash.hashing.method_types import StructuredMethod


class Item(NamedTuple):
    """One training and measurement: what one DVC item runs."""

    method: str
    bits: int
    seed: int

    def __str__(self) -> str:
        return f"{self.method} {self.bits} bits seed {self.seed}"


@dataclass(frozen=True)
class Asked:
    """A table with the rows, bits and seeds that were asked for."""

    table: Table
    bits: tuple[int, ...]
    seeds: tuple[int, ...]

    def items(self) -> list[Item]:
        """Every item of the table, those that others read first, each once."""
        items: list[Item] = []
        for bits in self.bits:
            for row in self.table.rows:
                items += [
                    item
                    for seed in self.seeds
                    for item in (*needs(Item(row.method, bits, seed)), Item(row.method, bits, seed))
                ]
        return list(dict.fromkeys(items))


def needs(item: Item) -> tuple[Item, ...]:
    """The items whose results this one reads: the binarised row of an unbinarised one."""
    method = find_method(item.method)
    return (Item(method.of, item.bits, item.seed),) if isinstance(method, Unbinarised) else ()


def ask(table: str, methods: Sequence[str] | None, bits: Sequence[int] | None, seeds: Sequence[int]) -> Asked:
    """The table of that name; methods: only these rows, in the table's order, other methods of the catalogue below.

    bits: in place of the table's own. Raises MedhashError for a method that the catalogue does not have, or bits that
    no code can have.
    """
    found = TABLES.get(table) or every_row(
        [name for name, method in CATALOGUE.items() if not isinstance(method, StructuredMethod)]
    )
    for name in methods or ():
        find_method(name)
    rows = (
        found.rows
        if methods is None
        else (
            *(row for row in found.rows if row.method in methods),
            *(
                PaperRow(name, name, {})
                for name in dict.fromkeys(methods)
                if name not in {row.method for row in found.rows}
            ),
        )
    )
    lengths = tuple(sorted(set(bits))) if bits else found.bits
    wrong = [length for length in lengths if length % 8 or not 8 <= length <= 256]
    if wrong:
        raise MedhashError(f"--bits {wrong[0]}: a code has 8 to 256 bits, a multiple of 8", "give other --bits")
    return Asked(replace(found, rows=rows), lengths, tuple(sorted(set(seeds))))
