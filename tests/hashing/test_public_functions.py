"""Losses and shallow methods can be imported from their packages, whose tables name every file."""

from pathlib import Path

import pytest

from medhash.hashing import losses, shallow

SHARED = {"layers", "linear", "similarity"}
"""Modules of the shallow methods that are no method."""


@pytest.mark.parametrize("package", [losses, shallow])
def test_every_function_is_in_the_table_beside_its_file(package):
    rows = [line.split("|")[1:4] for line in package.__doc__.splitlines() if line.startswith("| `")]
    table = {name.strip(" `"): file.strip() for names, _, file in rows for name in names.split(",")}
    assert sorted(table) == sorted(package.__all__)
    for name, file in table.items():
        assert getattr(package, name).__module__ == f"{package.__name__}.{file.removesuffix('.py')}"
    modules = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    assert modules - SHARED == {file.removesuffix(".py") for file in table.values()}
