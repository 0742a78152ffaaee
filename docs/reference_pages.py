"""The reference of the site, from the code: commands, settings, tables, documents, measures, methods, Python API.

Each function returns one Markdown page. What a field means is read from the string below it, by syntax tree.
"""

import ast
import contextlib
import importlib
import inspect
import io
import itertools
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

ROOT = Path(__file__).resolve().parent.parent
_MADE = "*Generated from the code by `docs/generate.py`.*"


def command_line() -> str:
    """Every command with what its --help prints."""
    from medhash import cli

    os.environ["COLUMNS"] = "100"
    parts = ["# Commands", _MADE, _fenced(_help_of([]))]
    for command in cli.COMMANDS:
        parts += [f"## medhash {command}", _fenced(_help_of([command, "--help"]))]
    return _page(parts)


def settings() -> str:
    """Every key of params.yaml: values, default, meaning."""
    from medhash.core.params import Params

    told = _told(ROOT / "medhash/core/params")
    parts = [
        "# Settings: params.yaml",
        _MADE,
        "A key that is unknown or of the wrong type stops every command with an error that names it.",
    ]
    return _page(parts + _section(Params, "", told))


def tables() -> str:
    """Every Parquet table: columns, types, units, meanings."""
    import pyarrow as pa

    from medhash.core import contracts

    notes = _strings_below(ast.parse(inspect.getsource(contracts)).body)
    schemas = {name: value for name, value in vars(contracts).items() if isinstance(value, pa.Schema)}
    schemas["codes_schema"] = contracts.codes_schema(32, True)
    notes["codes_schema"] = inspect.getdoc(contracts.codes_schema) or ""
    parts = ["# Tables", _MADE, "A table that breaks its contract is neither written nor read."]
    for name, schema in schemas.items():
        parts += [f"## {name}", notes.get(name, ""), _grid(["column", "type", "unit", "meaning"], _columns(schema))]
    return _page(parts)


def files() -> str:
    """Where every file lies, in a checkout."""
    from medhash.core.workspace import Workspace

    here, rows = Workspace(), []
    for name, member in vars(Workspace).items():
        if isinstance(member, property):
            path, note = getattr(here, name), member.fget.__doc__
        elif inspect.isfunction(member) and not name.startswith("_"):
            parameters = [
                parameter.upper() for parameter in inspect.signature(member).parameters if parameter != "self"
            ]
            path, note = getattr(here, name)(*parameters), member.__doc__
        else:
            continue
        rows.append([f"`{path}`", (note or "").split("\n\n")[0]])
    return _page(
        ["# Files", _MADE, inspect.getdoc(inspect.getmodule(Workspace)) or "", _grid(["path", "content"], rows)]
    )


def documents() -> str:
    """Every JSON document: keys, types, meanings."""
    return _page(["# Documents", _MADE, *_documents(lambda name: True)])


def measures() -> str:
    """The figures of metrics.json and the functions that compute them."""
    figures = ("Metrics", "Figures", "Interval", "CurvePoint", "SliceFigures", "AttributeFigures", "Satisfaction")
    parts = ["# Measures", _MADE, "Terms are explained in the [glossary](../glossary.md)."]
    parts += _documents(lambda name: name in figures or name in ("Calibration", "StructuredFigures"))
    return _page([*parts, *_functions("medhash/retrieval/measures"), *_functions("medhash/retrieval/evaluation")])


def methods() -> str:
    """The catalogue: a row per method, its settings, and what each setting means."""
    from medhash.hashing.catalogue import CATALOGUE
    from medhash.hashing.method_types import Recipe

    rows = [[f"`{name}`", method.type_name, method.title, method.source] for name, method in CATALOGUE.items()]
    parts = ["# Methods", _MADE, _grid(["name", "type", "title", "source"], rows)]
    parts += ["`train.overrides.METHOD` changes the settings of an objective or a recipe.", "## Values"]
    objectives = {}
    for name, method in CATALOGUE.items():
        deep = method if hasattr(method, "recipe") else getattr(method, "network", None)
        if deep is None:
            continue
        objectives[type(deep.objective)] = None
        network = ", ".join(f"{key} {value}" for key, value in deep.network.items())
        values = [
            f"objective: {type(deep.objective).__name__} {_values(deep.objective)}",
            f"recipe: {_values(deep.recipe)}",
        ]
        parts += [f"### {name}", _fenced("\n".join([f"network: {network}", *values]))]
    told = _told(ROOT / "medhash/hashing/objectives") | _told(ROOT / "medhash/hashing/method_types.py")
    parts.append("## Meanings")
    for settings_class in (Recipe, *objectives):
        lineage = [told.get(each.__name__, {}) for each in reversed(settings_class.__mro__)]
        notes = {key: note for each in lineage for key, note in each.items()}
        rows = [
            [f"`{field.name}`", f"`{field.default!r}`", notes.get(field.name, "")] for field in fields(settings_class)
        ]
        rows = [[name, "required" if "MISSING" in default else default, note] for name, default, note in rows]
        table = _grid(["setting", "default", "meaning"], rows) if rows else ""
        parts += [f"### {settings_class.__name__}", _fenced(notes[""]), table]
    return _page(parts)


def losses() -> str:
    """Losses and shallow methods as functions."""
    parts = ["# Losses and shallow methods", _MADE]
    return _page([*parts, *_functions("medhash/hashing/losses"), *_functions("medhash/hashing/shallow")])


def python_interface() -> str:
    """What `import medhash` offers."""
    package = importlib.import_module("medhash")
    parts = ["# Python", _MADE, _fenced(inspect.getdoc(package) or "")]
    for name in sorted(getattr(package, "_PUBLIC", [])):
        parts += _documented(name, getattr(package, name))
    return _page(parts)


PAGES = {
    "commands": command_line,
    "settings": settings,
    "files": files,
    "tables": tables,
    "documents": documents,
    "measures": measures,
    "methods": methods,
    "losses": losses,
    "python": python_interface,
}
"""Name of the page in reference/ → what makes it."""


def _help_of(arguments: list[str]) -> str:
    from medhash import cli

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        cli.main(arguments)
    return printed.getvalue()


def _section(model: Any, prefix: str, told: dict[str, dict[str, str]]) -> list[str]:
    """A table of a section's own keys, then its sections."""
    rows, nested = [], []
    notes = told.get(model.__name__, {})
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            nested.append((name, field.annotation))
            continue
        default = "required" if field.is_required() else f"`{field.default!r}`"
        rows.append([f"`{prefix}{name}`", _allowed(field), default, notes.get(name, "")])
        many = "[]" if get_origin(field.annotation) in (list, dict) else ""
        nested += [(name + many, inner) for inner in _sections_in(field.annotation)]
    doc = inspect.cleandoc(notes.get("", "")).split("\n\n")[0]
    parts = [f"## {prefix.rstrip('.') or 'Top level'}", doc]
    parts += [_grid(["key", "values", "default", "meaning"], rows)] if rows else []
    for name, inner in nested:
        parts += _section(inner, f"{prefix}{name}.", told)
    return parts


def _sections_in(kind: Any) -> list[Any]:
    """The sections that a list or a mapping holds."""
    inside = [inner for part in get_args(kind) for inner in (part, *_sections_in(part))]
    return [inner for inner in inside if hasattr(inner, "model_fields")]


def _allowed(field: Any) -> str:
    kind = _type_text(field.annotation)
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "multiple of", "min_length": "length ≥"}
    limits = [
        f"{sign} {getattr(item, key)}" for item in field.metadata for key, sign in signs.items() if hasattr(item, key)
    ]
    return ", ".join([kind, *limits])


def _type_text(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " · ".join(str(value) for value in get_args(kind))
    if get_args(kind):
        inner = [_type_text(part) for part in get_args(kind)]
        name = getattr(get_origin(kind), "__name__", "")
        if name in ("UnionType", "Union"):
            return " or ".join(inner)
        return f"{name} of {' → '.join(inner)}" if name != "Annotated" else inner[0]
    return {"str": "text", "NoneType": "nothing"}.get(
        getattr(kind, "__name__", str(kind)), getattr(kind, "__name__", str(kind))
    )


def _told(folder: Path) -> dict[str, dict[str, str]]:
    """Class → field → the string below it; under "" the docstring of the class."""
    told = {}
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else [folder]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                told[node.name] = {"": ast.get_docstring(node) or ""} | _strings_below(node.body)
    return told


def _strings_below(body: list[ast.stmt]) -> dict[str, str]:
    """Name that is assigned → the string literal that follows it."""
    notes = {}
    for statement, following in itertools.pairwise(body):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = following.value if isinstance(following, ast.Expr) else None
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            notes[target.id] = inspect.cleandoc(value.value)
    return notes


def _columns(schema: Any) -> list[list[str]]:
    rows = []
    for field in schema:
        meta = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        kind = str(field.type) + (", may be null" if field.nullable else "")
        rows.append([f"`{field.name}`", kind, meta.get("unit", ""), meta.get("meaning", "")])
    return rows


def _documents(wanted: Any) -> list[str]:
    from medhash.core import documents as module

    told = _told(Path(module.__file__))
    parts = []
    for name, model in vars(module).items():
        if not (inspect.isclass(model) and issubclass(model, module.Document) and model is not module.Document):
            continue
        if not wanted(name) or model.__module__ != module.__name__:
            continue
        notes = told[name]
        rows = [
            [f"`{key}`", _type_text(field.annotation), notes.get(key, "")] for key, field in model.model_fields.items()
        ]
        parts += [f"## {name}", notes[""], _grid(["key", "type", "meaning"], rows)]
    return parts


def _functions(folder: str) -> list[str]:
    """The functions of a folder's modules, by syntax tree: nothing is imported."""
    parts = [f"## {folder}", ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text("utf-8"))) or ""]
    for path in sorted((ROOT / folder).glob("[!_]*.py")):
        shown = _public_functions(ast.parse(path.read_text("utf-8")).body)
        parts += [f"### {path.stem}", *shown] if shown else []
    return parts


def _public_functions(body: list[ast.stmt]) -> list[str]:
    """Each with its signature and docstring."""
    return [_function(node) for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


def _function(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = f"{node.name}({ast.unparse(node.args).removeprefix('self, ')}){returns}"
    return _fenced(f"{signature}\n\n{ast.get_docstring(node) or ''}", "python")


def _documented(name: str, thing: Any) -> list[str]:
    """A function with its signature; a class with its fields and methods."""
    path = Path(inspect.getfile(thing))
    nodes = {node.name: node for node in ast.parse(path.read_text("utf-8")).body if hasattr(node, "name")}
    node = nodes[thing.__name__]
    if isinstance(node, ast.FunctionDef):
        return [f"## {name}", _function(node)]
    notes = _told(path)[thing.__name__]
    fields_of = getattr(thing, "__annotations__", {})
    rows = [[f"`{field}`", _type_text(kind), notes.get(field, "")] for field, kind in fields_of.items()]
    table = _grid(["field", "type", "meaning"], rows) if rows else ""
    return [f"## {name}", notes[""], table, *_public_functions(node.body)]


def _values(settings_object: Any) -> str:
    return ", ".join(f"{field.name} {getattr(settings_object, field.name)}" for field in fields(settings_object))


def _grid(header: list[str], rows: list[list[str]]) -> str:
    cells = [[" ".join(str(cell).replace("|", "\\|").replace("<", "&lt;").split()) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *cells])


def _fenced(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.strip()}\n```"


def _page(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
