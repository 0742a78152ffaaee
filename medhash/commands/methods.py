"""List the hashing methods, or show one with all its settings.

With NAME: its network, its objective and its recipe. A value beside which a default stands differs from it. Settings of
objective and recipe can be changed in params.yaml, under train.overrides.NAME.
"""

import argparse
import ast
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from medhash.core.command import reports_errors

if TYPE_CHECKING:
    from medhash.hashing.method_types import DeepMethod, Method


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="medhash methods", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a method of the list, such as drh-18")
    args = parser.parse_args(argv)
    from medhash.hashing.catalogue import CATALOGUE, find_method

    if args.name is not None:
        print("\n".join(_described(find_method(args.name))))
        return 0
    rows = [(method.name, method.type_name, method.title, method.source) for method in CATALOGUE.values()]
    print(_aligned([("name", "type", "title", "source"), *rows]))
    return 0


def _described(method: "Method") -> list[str]:
    from medhash.hashing.method_types import ShallowMethod, TwoStepMethod, Unbinarised

    lines = [f"{method.name}: {method.title}", f"{method.type_name} · {method.source}"]
    if isinstance(method, ShallowMethod):
        return [*lines, *_section("fit", {"function": _where(method.fit), "features": method.features})]
    if isinstance(method, Unbinarised):
        return [*lines, *_section("model", {"method": method.of})]
    if isinstance(method, TwoStepMethod):
        second = {"function": _where(method.fit), "frozen network": method.frozen}
        return [*lines, *_deep(method.network), *_section("fit, on the network's embedding", second)]
    return [*lines, *_deep(method)]


def _deep(method: "DeepMethod") -> list[str]:
    alphas = f"{method.continuation[0]:g} to {method.continuation[-1]:g}, {len(method.continuation)} stages"
    return [
        *_section("network", {**method.network, "α of tanh(α z)": alphas if len(method.continuation) > 1 else "1"}),
        *_settings(f"objective, {_where(type(method.objective))}", method.objective),
        *_settings("recipe", method.recipe),
    ]


def _settings(title: str, settings: Any) -> list[str]:
    """A line per field: name, value, the default where it is another, and the first sentence below the field."""
    meanings = _meanings(type(settings))
    rows = []
    for field in fields(settings):
        value = getattr(settings, field.name)
        default = "" if field.default in (MISSING, value) else f"(default {field.default})"
        rows.append((f"  {field.name}", str(value), default, meanings.get(field.name, "")))
    return ["", title, *([_aligned(rows)] if rows else ["  no settings"])]


def _section(title: str, values: Mapping[str, object]) -> list[str]:
    return ["", title, _aligned([(f"  {name}", str(value)) for name, value in values.items()])]


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width).rstrip() for row in rows
    )


def _where(definition: Any) -> str:
    """`NAME in PATH`, the path as in a checkout."""
    return f"{definition.__name__} in {definition.__module__.replace('.', '/')}.py"


def _meanings(settings: type) -> dict[str, str]:
    """Field → first sentence of the string literal below it in the class's source."""
    (tree,) = ast.parse(inspect.getsource(settings)).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            value = following.value if isinstance(following, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[statement.target.id] = " ".join(value.value.split()).split(". ")[0].rstrip(".")
    return found
