"""Which code a benchmark's tables and rows hang on, and what it says of its deviations from its sources."""

import ast
import re
from functools import cache
from pathlib import Path

from medhash.archives import reader_code
from medhash.core.fingerprint import Code
from medhash.core.own_code import own_code
from medhash.core.params import Params
from medhash.hashing import method_code
from medhash.hashing.method_types import Method
from medhash.training import training_code

CUTS = (
    *reader_code.CUTS,
    *training_code.CUTS,
    "medhash.benchmark.prepare:stage_function",
    "medhash.benchmark.pipeline:*",
    "medhash.core.data_sets:*",
    # What is said at the end of a stage.
    "components.labels.__main__:told",
    "components.split.split:describe_folds",
)
"""What is not followed beside what `own_code` leaves out."""
_STAGES = ("split", "labels", "similarity", "features")
_DEVIATION = re.compile(r"[Dd]eviations?:\s*(.*?)(?=\n\s*\n|\s+(?:Raises|Source:)|\Z)", re.DOTALL)


def tables_digest(params: Params) -> str:
    """SHA-256 over the code that makes the tables of an archive."""
    stages = [f"components.{stage}.__main__:main" for stage in _STAGES]
    roots = ["medhash.benchmark.prepare:main", "components.ingest.ingest:ingest", *stages]
    return _code().fingerprint([*roots, *reader_code.reading_roots(params.ingest)])


def row_digest(method: Method) -> str:
    """SHA-256 over the code that trains and measures a method."""
    return _code().fingerprint(["medhash.benchmark.row:main", *_trained_by(method)])


def deviations_of(method: Method) -> list[tuple[str, str]]:
    """The passages `Deviation: …` in docstrings of the method's code in medhash.hashing: module, text to the end of
    its paragraph."""
    names: dict[str, set[str]] = {}
    for definition in _code().reached(method_code.learning_roots(method)):
        if definition.module.startswith("medhash.hashing."):
            names.setdefault(definition.module, set()).add(definition.name)
    return [(module, text) for module, reached in sorted(names.items()) for text in _passages(module, reached)]


def _trained_by(method: Method) -> list[str]:
    return training_code.training_roots(method, has_initial_weights=True)


def _passages(module: str, names: set[str]) -> list[str]:
    """Of the module's own docstring and of those of the definitions named."""
    tree = ast.parse(Path(__file__).parents[2].joinpath(*module.split(".")).with_suffix(".py").read_text())
    parts = [part for part in tree.body if getattr(part, "name", None) in names]
    documented = [tree, *(node for part in parts for node in ast.walk(part))]
    return [
        " ".join(passage.split())
        for node in documented
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        for passage in _DEVIATION.findall(ast.get_docstring(node) or "")
    ]


@cache
def _code() -> Code:
    return own_code(*CUTS)
