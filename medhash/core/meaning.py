"""What a definition means: its syntax tree as a canonical text in which references stand for what they lead to.

Left out: comments, formatting, docstrings, annotations of functions and variables, imports, the definition's own name
(of a class it stays) and the names under which things are imported. Annotations in the body of a class stay: they are
the fields of a dataclass or of a model that checks its values.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from medhash.core.scopes import Mute, Scopes
from medhash.core.source_modules import (
    Comprehension,
    Definition,
    Function,
    Imported,
    Library,
    Module,
    Target,
    WholeModule,
    is_empty,
    is_type_checking,
)

Part = str | Definition


@dataclass
class Meaning:
    """A definition's canonical text, cut where it refers to other definitions."""

    parts: list[Part] = field(default_factory=list)
    """Tokens of the tree, none of which holds a line break."""
    loads: list[Imported] = field(default_factory=list)
    """What its functions import when they run."""

    @property
    def references(self) -> list[Definition]:
        return list(dict.fromkeys(part for part in self.parts if isinstance(part, Definition)))


def meaning_of(library: Library, module: Module, statements: list[ast.stmt], own: str, mute: Mute) -> Meaning:
    """The meaning of the statements that bind `own` at the top level of the module; "" for effects, which bind none.

    Raises Unseen where a name leads to code that the syntax tree does not tell.
    """
    writer = _Writer(Scopes(library, module, own, mute))
    for statement in statements:
        writer.statement(statement)
    return writer.meaning


class _Writer:
    def __init__(self, scopes: Scopes) -> None:
        self.meaning = Meaning()
        self._scopes = scopes

    def statement(self, node: ast.stmt) -> None:
        if is_empty(node):
            return
        if self._scopes.only_speaks(node):
            for call in [one for told in _told(node) for one in self._scopes.calls_in(told)]:
                self._node(call)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.meaning.loads += [imported for _, imported in self._scopes.module.imported_by(node)]
        elif isinstance(node, ast.If) and is_type_checking(node.test):
            self._values(node.orelse)
        elif isinstance(node, Function):
            self._function(node)
        elif isinstance(node, ast.ClassDef):
            self._class(node)
        elif isinstance(node, ast.AnnAssign) and self._scopes.in_class:
            self._open("Field")
            self._node(node.target)
            self._annotation(node.annotation)
            self._value(node.value)
            self._close()
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            if node.value is not None:
                self._open("Assign")
                self._values(node.targets if isinstance(node, ast.Assign) else [node.target])
                self._node(node.value)
                self._close()
        else:
            self._generic(node)

    def _function(self, node: Function) -> None:
        self._open(type(node).__name__)
        self._write("" if self._scopes.at_top and node.name == self._scopes.own else repr(node.name))
        self._values(node.decorator_list)
        self._arguments_and_body(node.args, node.body)

    def _arguments_and_body(self, arguments: ast.arguments, body: list[ast.stmt]) -> None:
        self._values(arguments.defaults)  # evaluated outside
        self._values(arguments.kw_defaults)
        with self._scopes.function(arguments, body):
            for kind in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
                value = getattr(arguments, kind)
                names = value if isinstance(value, list) else [value] if value else []
                self._write(f"{kind}={','.join(one.arg for one in names)}")
            self._values(body)
        self._close()

    def _class(self, node: ast.ClassDef) -> None:
        if any(isinstance(one, Function) and one.name == "__init_subclass__" for one in node.body):
            raise self._scopes.unseen("a class that is told of its subclasses")
        self._open("ClassDef")
        self._write(repr(node.name))
        self._values(node.decorator_list)
        self._values(node.bases)
        self._values(node.keywords)
        with self._scopes.class_body(node.body):
            self._values(node.body)
        self._close()

    def _node(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            self.statement(node)
        elif isinstance(node, ast.Name | ast.Attribute):
            self._name(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Lambda):
            self._open("Lambda")
            self._arguments_and_body(node.args, [ast.Return(node.body)])
        elif isinstance(node, Comprehension):
            self._comprehension(node)
        elif isinstance(node, ast.Constant):
            self._write(repr(node.value))
        else:
            self._generic(node)

    def _comprehension(self, node: Comprehension) -> None:
        self._open(type(node).__name__)
        self._node(node.generators[0].iter)  # evaluated outside
        with self._scopes.comprehension(node.generators):
            for number, generator in enumerate(node.generators):
                self._write("async" if generator.is_async else "for")
                self._node(generator.target)
                if number:
                    self._node(generator.iter)
                self._values(generator.ifs)
            self._values([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._close()

    def _call(self, node: ast.Call) -> None:
        muted = self._scopes.muted_arguments(node.func)
        self._open("Call")
        self._node(node.func)
        if muted == "texts":
            self._values([call for value in (*node.args, *node.keywords) for call in self._scopes.calls_in(value)])
        elif muted != "all":
            self._values(node.args)
            self._values([] if muted == "keywords" else [one for one in node.keywords if one.arg != muted or not muted])
        self._close()

    def _name(self, node: ast.Name | ast.Attribute) -> None:
        targets = self._scopes.targets(node)
        if targets is not None:
            for target in targets:
                self._target(target)
        elif isinstance(node, ast.Name):
            self._write(node.id)
        elif node.attr == "__subclasses__":
            raise self._scopes.unseen("it asks a class for its subclasses")
        else:
            self._open("Attribute")
            self._node(node.value)
            self._write(node.attr)
            self._close()

    def _target(self, target: Target) -> None:
        if isinstance(target, Definition):
            self.meaning.parts.append(target)
        elif isinstance(target, WholeModule):
            module = self._scopes.library.find(target.module)
            if module is None:
                raise self._scopes.unseen(f"there is no module {target.module}")
            self._write("module")
            for name in sorted(module.defined):
                self._write(name)
                self.meaning.parts.append(Definition(target.module, name))
        else:
            self._write(f"<{target.path}>")

    def _annotation(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = ast.parse(node.value, mode="eval").body
        self._node(node)

    def _generic(self, node: ast.AST) -> None:
        self._open(type(node).__name__)
        for name, value in ast.iter_fields(node):
            if name not in ("ctx", "type_comment", "kind", "type_params"):
                self._value(value)
        self._close()

    def _value(self, value: object) -> None:
        if isinstance(value, list):
            self._values(value)
        elif isinstance(value, ast.AST):
            self._node(value)
        else:
            self._write(repr(value))

    def _values(self, values: Sequence[object]) -> None:
        self._write("[")
        for value in values:
            self._value(value)
        self._write("]")

    def _open(self, kind: str) -> None:
        self._write(f"{kind}(")

    def _close(self) -> None:
        self._write(")")

    def _write(self, text: str) -> None:
        self.meaning.parts.append(text)


def _told(statement: ast.stmt) -> list[ast.expr]:
    """The arguments of a bare call."""
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    return [*statement.value.args, *(keyword.value for keyword in statement.value.keywords)]
