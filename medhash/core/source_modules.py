"""Python modules by their syntax trees: what each defines, imports and does on import. Nothing is imported."""

import ast
from dataclasses import dataclass, field
from pathlib import Path

from medhash.core.errors import MedhashError

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Unseen(MedhashError):
    """Code whose meaning the syntax tree does not tell, or a name that is not there."""


@dataclass(frozen=True, order=True)
class Definition:
    """A function, a class or an assigned name at the top level of a module."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


@dataclass(frozen=True)
class WholeModule:
    """A module of the followed packages as a value."""

    module: str


@dataclass(frozen=True)
class External:
    """A name of another package, or a builtin: `torch.nn.Linear`, `print`."""

    path: str


Target = Definition | WholeModule | External


@dataclass(frozen=True)
class Imported:
    """What an import statement binds a name to, before it is followed."""

    module: str
    """The module that the statement executes."""
    name: str | None = None
    """The member of it that is bound; None: the module itself."""
    first_part: bool = False
    """`import a.b` binds a, where `import a.b as c` binds a.b."""


@dataclass
class Module:
    """One parsed module."""

    name: str
    is_package: bool
    tree: ast.Module
    imports: dict[str, list[Imported]] = field(default_factory=dict)
    """Name → what the top level imports under it, for type checkers too."""
    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)
    """Name → the statements of the top level that bind it, in order."""
    effects: list[ast.stmt] = field(default_factory=list)
    """Statements of the top level that do something beyond binding a name."""
    decorated: list[str] = field(default_factory=list)
    """Names of decorated definitions: their decorators run on import."""
    loads: list[Imported] = field(default_factory=list)
    """What an import of this module imports in turn."""

    def __post_init__(self) -> None:
        for statement in self.tree.body:
            self._take(statement)

    def _take(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self._import(statement, loads=True)
        elif isinstance(statement, ast.If) and is_type_checking(statement.test):
            for inner in statement.body:
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    self._import(inner, loads=False)
            for inner in statement.orelse:
                self._take(inner)
        elif isinstance(statement, ast.If) and _is_main(statement.test):
            return
        elif isinstance(statement, Function | ast.ClassDef):
            self._define(statement.name, statement)
            if statement.decorator_list:
                self.decorated.append(statement.name)
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for name in dict.fromkeys(name for target in targets for name in stored_names(target)):
                self._define(name, statement)
            if any(
                isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)
                for target in targets
                for node in ast.walk(target)
            ):
                self.effects.append(statement)
        elif not is_empty(statement):
            self.effects.append(statement)
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    self._import(node, loads=True)
            for name in bound_names([statement]):
                self._define(name, statement)

    def _define(self, name: str, statement: ast.stmt) -> None:
        self.defined.setdefault(name, []).append(statement)

    def _import(self, statement: ast.Import | ast.ImportFrom, loads: bool) -> None:
        for name, imported in self.imported_by(statement):
            self.imports.setdefault(name, []).append(imported)
            if loads:
                self.loads.append(imported)

    def imported_by(self, statement: ast.Import | ast.ImportFrom) -> list[tuple[str, Imported]]:
        """The names that an import statement binds, and to what."""
        if isinstance(statement, ast.Import):
            return [
                (alias.asname, Imported(alias.name))
                if alias.asname
                else (alias.name.split(".")[0], Imported(alias.name, first_part=True))
                for alias in statement.names
            ]
        base = statement.module or ""
        if statement.level:
            parts = self.name.split(".") + ([""] if self.is_package else [])
            base = ".".join([*parts[: len(parts) - statement.level], *([base] if base else [])])
        if any(alias.name == "*" for alias in statement.names):
            raise Unseen(f"{self.name}:{statement.lineno}: a star import hides what a name is", "import names")
        return [(alias.asname or alias.name, Imported(base, alias.name)) for alias in statement.names]


class Library:
    """The modules of the followed packages under one folder, parsed when they are first asked for."""

    def __init__(self, root: Path, packages: tuple[str, ...]) -> None:
        self._root, self._packages = root, packages
        self._modules: dict[str, Module | None] = {}

    def follows(self, name: str) -> bool:
        """Whether a dotted name belongs to one of the packages."""
        return name.split(".")[0] in self._packages

    def find(self, name: str) -> Module | None:
        """The module of that dotted name; None if there is none. A folder without __init__.py is an empty module."""
        if name not in self._modules:
            self._modules[name] = self._parsed(name) if self.follows(name) else None
        return self._modules[name]

    def _parsed(self, name: str) -> Module | None:
        path = self._root.joinpath(*name.split("."))
        if path.is_dir():
            return Module(name, True, _tree(path / "__init__.py") or ast.Module([], []))
        tree = _tree(path.with_name(path.name + ".py"))
        return None if tree is None else Module(name, False, tree)

    def looked_up(self, module: str, name: str) -> list[Target]:
        """What a name of a module's top level stands for: definitions there or where it is imported from.

        More than one where it is bound in several ways, none where the module does not bind it.
        """
        return self._looked_up(module, name, set())

    def _looked_up(self, module: str, name: str, seen: set[tuple[str, str]]) -> list[Target]:
        found = self.find(module)
        if found is None or (module, name) in seen:
            return []
        seen.add((module, name))
        targets = [target for imported in found.imports.get(name, []) for target in self._followed(imported, seen)]
        if name in found.defined:
            targets.append(Definition(module, name))
        return list(dict.fromkeys(targets))

    def followed(self, imported: Imported) -> list[Target]:
        """What an imported name stands for. Raises Unseen if a followed module does not have it."""
        return self._followed(imported, set())

    def _followed(self, imported: Imported, seen: set[tuple[str, str]]) -> list[Target]:
        if imported.name is None:
            path = imported.module.split(".")[0] if imported.first_part else imported.module
            return [WholeModule(path) if self.follows(path) else External(path)]
        if not self.follows(imported.module):
            return [External(f"{imported.module}.{imported.name}")]
        return self._member(imported.module, imported.name, seen)

    def member(self, module: str, name: str) -> list[Target]:
        """What `module.name` stands for. Raises Unseen if the module does not have it."""
        return self._member(module, name, set())

    def _member(self, module: str, name: str, seen: set[tuple[str, str]]) -> list[Target]:
        targets = self._looked_up(module, name, seen)
        if not targets and self.find(f"{module}.{name}") is not None:
            return [WholeModule(f"{module}.{name}")]
        if not targets and (module, name) not in seen:
            targets = self._looked_up(module, "__getattr__", seen)
        if not targets and not name.startswith("__"):
            raise Unseen(f"{module} has no {name}, which is imported from there", "mend the import")
        return targets

    def loaded_by(self, imported: Imported) -> list[str]:
        """The followed modules that an import statement executes, parents first."""
        if not self.follows(imported.module):
            return []
        names = [imported.module]
        if imported.name is not None and self.find(f"{imported.module}.{imported.name}") is not None:
            names.append(f"{imported.module}.{imported.name}")
        return [name for module in names for name in with_parents(module)]


def _tree(path: Path) -> ast.Module | None:
    if not path.is_file():
        return None
    try:
        return ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        raise Unseen(f"{path}:{error.lineno}: {error.msg}", "mend the syntax there") from error


def with_parents(module: str) -> list[str]:
    """A module after the packages that hold it."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def is_type_checking(test: ast.expr) -> bool:
    """Whether this is the condition of code for type checkers alone."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def is_empty(statement: ast.stmt) -> bool:
    """Whether a statement does nothing: a docstring, another constant, `pass`."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def stored_names(target: ast.expr) -> list[str]:
    """The names that an assignment to this target binds."""
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def bound_names(statements: list[ast.stmt]) -> list[str]:
    """The names that statements bind in their own scope, but for imports, in order of appearance."""
    names: dict[str, None] = {}
    waiting: list[ast.AST] = list(reversed(statements))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.ClassDef):
            names[node.name] = None
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, Comprehension):
            names |= {inner.target.id: None for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)}
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names[node.id] = None
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names[node.name] = None
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names[node.rest] = None
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))
    return list(names)
