"""What the names in a definition's body stand for: scopes of functions, classes and comprehensions, then the module."""

import ast
import builtins
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from medhash.core.source_modules import (
    Comprehension,
    Definition,
    External,
    Function,
    Imported,
    Library,
    Module,
    Target,
    Unseen,
    WholeModule,
    bound_names,
)

Mute = Mapping[str, str]
"""Callables that no result hangs on → which of their arguments do not count: `all`; `texts`, that is all but the calls
in them, which may do something; `keywords`; or the name of one keyword. What they return is mute, too: of statements
that only call its methods, the texts do not count. A callable is `module:name` of a followed package, a path such as
`tqdm.tqdm`, a builtin, or `.name` of a method."""
UNSEEN = {
    "importlib.import_module",
    "importlib.__import__",
    "sys.modules",
    "builtins.__import__",
    "builtins.globals",
    "builtins.eval",
    "builtins.exec",
    "builtins.__file__",
}
"""What leads to code, or to files beside it, that the tree does not name."""


@dataclass
class _Scope:
    """Names of a function, class, lambda or comprehension."""

    local: set[str]
    imports: dict[str, list[Imported]] = field(default_factory=dict)
    declared_global: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    is_class: bool = False
    mute: set[str] = field(default_factory=set)
    """Names bound to what a mute call makes."""


class Scopes:
    """The scopes around a point of a definition, from the module's inwards. `own`: the name that is being defined."""

    def __init__(self, library: Library, module: Module, own: str, mute: Mute) -> None:
        self.library, self.module, self.own = library, module, own
        self._mute = mute
        self._scopes: list[_Scope] = []

    @property
    def at_top(self) -> bool:
        return not self._scopes

    @property
    def in_class(self) -> bool:
        """Whether this is the body of a class itself."""
        return bool(self._scopes) and self._scopes[-1].is_class

    @contextmanager
    def function(self, arguments: ast.arguments, body: list[ast.stmt]) -> Iterator[None]:
        names = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            *(one for one in (arguments.vararg, arguments.kwarg) if one),
        ]
        scope = _Scope({one.arg for one in names} | set(bound_names(body)), self._imports_in(body))
        scope.mute = {one.arg for one in names if one.annotation and self._names_mute(one.annotation)}
        for node in _own_nodes(body):
            if isinstance(node, ast.Global):
                scope.declared_global |= set(node.names)
            elif isinstance(node, ast.Nonlocal):
                scope.nonlocals |= set(node.names)
        with self._inside(scope):
            for node in _own_nodes(body):
                if isinstance(node, ast.withitem):
                    self._mark(scope, node.optional_vars, node.context_expr)
                elif isinstance(node, ast.Assign) and len(node.targets) == 1:
                    self._mark(scope, node.targets[0], node.value)
            yield

    @contextmanager
    def class_body(self, body: list[ast.stmt]) -> Iterator[None]:
        with self._inside(_Scope(set(bound_names(body)), self._imports_in(body), is_class=True)):
            yield

    @contextmanager
    def comprehension(self, generators: list[ast.comprehension]) -> Iterator[None]:
        with self._inside(
            _Scope(
                {
                    name.id
                    for generator in generators
                    for name in ast.walk(generator.target)
                    if isinstance(name, ast.Name)
                }
            )
        ):
            yield

    @contextmanager
    def _inside(self, scope: _Scope) -> Iterator[None]:
        self._scopes.append(scope)
        yield
        self._scopes.pop()

    def _imports_in(self, body: list[ast.stmt]) -> dict[str, list[Imported]]:
        found: dict[str, list[Imported]] = {}
        for node in _own_nodes(body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name, imported in self.module.imported_by(node):
                    found.setdefault(name, []).append(imported)
        return found

    def targets(self, node: ast.expr) -> list[Target] | None:
        """What a name, or an attribute of an imported name, stands for; None if that is known at run time only."""
        if isinstance(node, ast.Name):
            return self._named(node)
        if isinstance(node, ast.Attribute):
            found: list[Target] = []
            for base in self.targets(node.value) or []:
                if isinstance(base, Definition):
                    return None
                found += (
                    self.library.member(base.module, node.attr)
                    if isinstance(base, WholeModule)
                    else [External(f"{base.path}.{node.attr}")]
                )
            return [self._checked(target) for target in found] or None
        return None

    def _named(self, node: ast.Name) -> list[Target] | None:
        name = node.id
        scope = self._holding(name)
        if scope is not None and name in scope.imports:
            return [
                self._checked(target) for imported in scope.imports[name] for target in self.library.followed(imported)
            ]
        if scope is not None:
            return None
        if self.at_top and isinstance(node.ctx, ast.Store):
            return [External("self")] if name == self.own else None
        found = self.library.looked_up(self.module.name, name)
        if not found and (hasattr(builtins, name) or name == "__file__"):
            found = [External(f"builtins.{name}")]
        return [self._checked(target) for target in found] or None

    def _holding(self, name: str) -> _Scope | None:
        """The innermost scope that binds the name here; None: the module, or nothing."""
        for depth, scope in enumerate(reversed(self._scopes)):
            if name in scope.declared_global:
                return None
            if (
                name not in scope.nonlocals
                and not (scope.is_class and depth)
                and (name in scope.local or name in scope.imports)
            ):
                return scope
        return None

    def _checked(self, target: Target) -> Target:
        if isinstance(target, External) and target.path in UNSEEN:
            raise self.unseen(f"it uses {target.path.removeprefix('builtins.')}")
        return target

    def unseen(self, problem: str) -> Unseen:
        return Unseen(
            f"{self.module.name}:{self.own or 'top level'}: {problem}, which leads to code or files that its tree "
            "does not name",
            "cut it and name what it leads to as further roots, or write what it stands for",
        )

    # What no result hangs on

    def muted_arguments(self, function: ast.expr) -> str | None:
        """Which arguments of a call do not count."""
        targets = self.targets(function)
        if targets is None:
            return self._mute.get(f".{function.attr}") if isinstance(function, ast.Attribute) else None
        for target in targets:
            path = str(target) if isinstance(target, Definition) else getattr(target, "path", "")
            if path.removeprefix("builtins.") in self._mute:
                return self._mute[path.removeprefix("builtins.")]
        return None

    def only_speaks(self, node: ast.stmt) -> bool:
        """Whether a statement is a bare call that is mute, or a bare call of a method of something mute."""
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            return False
        function = node.value.func
        return self.muted_arguments(function) in ("all", "texts") or (
            isinstance(function, ast.Attribute) and self.targets(function) is None and self._is_mute(function.value)
        )

    def calls_in(self, node: ast.AST) -> list[ast.AST]:
        """The outermost calls in an expression but for those of other packages and of methods of texts.

        A comprehension that holds one is taken whole.
        """
        inner = [call for child in ast.iter_child_nodes(node) for call in self.calls_in(child)]
        if isinstance(node, ast.Call):
            targets = self.targets(node.func)
            of_a_text = isinstance(node.func, ast.Attribute) and isinstance(
                node.func.value, ast.Constant | ast.JoinedStr
            )
            if not of_a_text and not (targets and all(isinstance(target, External) for target in targets)):
                return [node]
        if inner and isinstance(node, Comprehension):
            return [node]
        return inner

    def _mark(self, scope: _Scope, target: ast.expr | None, value: ast.expr) -> None:
        if isinstance(target, ast.Name) and self._is_mute(value):
            scope.mute.add(target.id)

    def _is_mute(self, node: ast.expr) -> bool:
        """Whether this is what a mute call makes, or a name bound to it."""
        if isinstance(node, ast.Call):
            return self.targets(node.func) is not None and self.muted_arguments(node.func) is not None
        if not isinstance(node, ast.Name):
            return False
        scope = self._holding(node.id)
        if scope is not None:
            return node.id in scope.mute
        return any(
            isinstance(target, Definition) and self._is_mute_definition(target) for target in self.targets(node) or []
        )

    def _is_mute_definition(self, target: Definition) -> bool:
        module = self.library.find(target.module)
        statements = module.defined.get(target.name, []) if module else []
        if module is None or len(statements) != 1 or not isinstance(statements[0], ast.Assign):
            return False
        return Scopes(self.library, module, target.name, self._mute)._is_mute(statements[0].value)

    def _names_mute(self, annotation: ast.expr) -> bool:
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        named = annotation.value if isinstance(annotation, ast.Subscript) else annotation
        return self.muted_arguments(named) is not None


def _own_nodes(body: list[ast.stmt]) -> list[ast.AST]:
    """All nodes of a scope, without those of functions, classes and lambdas within it."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))
    return found
