"""Which code a result depends on, as a digest that comments, docstrings and other methods do not change."""

import ast
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from medhash.hashing.catalogue import Method, ShallowMethod, TwoStepMethod, Unbinarised, find_method
from medhash.hashing.encoders import ENCODERS
from medhash.hashing.method_types import StructuredMethod

_PACKAGES = ("medhash", "components")
_NOT_FOLLOWED = {
    f"medhash.{name}"
    for name in (
        "core.command",
        "core.errors",
        "core.files",
        "core.params",
        "core.workspace",
        "core.origins",
        "core.tracking",
        "core.data_sets",
        "benchmark.code",
        "benchmark.pipeline",
        "hashing.catalogue",
        "hashing.encoders",
        "hashing.networks.build",
        "hashing.networks.residual",
        "hashing.networks.eight_layers",
        "hashing.networks.backbone",
        "hashing.networks.pooling",
        "hashing.networks.sub_codes",
        "hashing.networks.fuzzy",
    )
}
"""No result hangs on the first ones; the last ones lead to every method, and a method's own parts are named instead."""
TRUNKS = {
    "residual": "residual",
    "plain": "residual",
    "alexnet": "eight_layers",
    "cnn-f": "eight_layers",
    "torchvision": "backbone",
}
"""Kind of network → its module in hashing.networks."""
_ADDRESS = re.compile(r"<function (\w+) at 0x[0-9a-f]+>")


def code_digest(modules: Iterable[str]) -> str:
    """SHA-256 over the meaning of these modules and all of this project that they import, at any depth.

    Meaning: the syntax tree without docstrings. It may differ between versions of Python.
    """
    digest = hashlib.sha256()
    for name in imported(modules):
        digest.update(f"{name}\n{_meaning(name)}\n".encode())
    return digest.hexdigest()


def imported(modules: Iterable[str]) -> list[str]:
    """These modules and all of this project that they import, directly or not, sorted."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [other for other in _imports(name) if other not in _NOT_FOLLOWED]
    return sorted(found)


def modules_of(method: Method) -> list[str]:
    """The modules of the library that a method is made of: its fit, its encoder, its objective, its network."""
    if isinstance(method, Unbinarised):
        return modules_of(find_method(method.of))
    if isinstance(method, ShallowMethod):
        return [method.fit.__module__, ENCODERS[method.encoder].relaxed.__module__]
    if isinstance(method, TwoStepMethod):
        return [method.fit.__module__, ENCODERS[method.encoder].relaxed.__module__, *modules_of(method.network)]
    trunk = TRUNKS[str(method.network.get("kind", "residual"))]
    pooling = str(method.network.get("pooling", "none")).replace("-", "_")
    inference = str(method.network.get("inference", "none"))
    structured = [
        name
        for name, needed in (("sub_codes", isinstance(method, StructuredMethod)), ("fuzzy", inference == "fuzzy"))
        if needed
    ]
    return [
        "medhash.hashing.networks.build",
        f"medhash.hashing.networks.{trunk}",
        *(f"medhash.hashing.networks.{name}" for name in structured),
        *(["medhash.hashing.networks.pooling"] if pooling != "none" else []),
        type(method.objective).__module__,
    ]


def described(method: Method) -> str:
    """Every setting of a catalogue's row in one line that is equal for equal settings."""
    return _ADDRESS.sub(r"<\1>", repr(method))


@cache
def _imports(name: str) -> list[str]:
    return _imported_by(ast.parse(path_of(name).read_text()))


def _imported_by(tree: ast.AST) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in dict.fromkeys(names) if name.split(".")[0] in _PACKAGES and path_of(name).exists()]


@cache
def _meaning(name: str) -> str:
    tree = ast.parse(path_of(name).read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def path_of(name: str) -> Path:
    """The file of a module: of this checkout, as `python -m components…` would find it."""
    base = Path(__file__).resolve().parents[2].joinpath(*name.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
