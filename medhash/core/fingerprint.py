"""Which code a result depends on: a digest of the definitions that an entry point can reach.

A function, class or assignment is reached where the syntax tree of a reached one names it, at any depth, in the
packages followed. Its digest is SHA-256 over its meaning (medhash/core/meaning.py), in which the digest of what it
refers to stands in the place of the reference. So comments, docstrings, formatting, module names and files change
nothing, and a change of any reached definition changes the digest of all that reach it.

Methods count as part of their class, so an object that is passed in counts because the code that makes it is reached.
Definitions that refer to each other in a circle are told apart by what is found on n steps from each, n being the size
of the circle. What modules do as they are imported counts for all code that imports them.

Cuts are definitions that are not followed: because no result hangs on them, or because they lead to every variant
where one is meant, whose own definitions are then named as further roots. The installed versions of other packages are
no part of it: requirements.lock sets them for every machine, and after a change of a library that should be felt,
`dvc repro --force` makes the results anew. Digests may differ between versions of Python.
"""

import ast
import hashlib
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from medhash.core.meaning import Meaning, Part, meaning_of
from medhash.core.scopes import Mute
from medhash.core.source_modules import Definition, Imported, Library, Module, Unseen, with_parents


class Code:
    """The source code of packages under one folder, without importing it.

    cuts: as `named` takes them. mute: callables whose arguments say nothing of a result.
    """

    def __init__(self, root: Path, packages: Sequence[str], cuts: Iterable[str] = (), mute: Mute | None = None) -> None:
        self._root, self._library, self._mute = root, Library(root, tuple(packages)), mute or {}
        self._cuts = {definition for cut in cuts for definition in self.named(cut)}
        self._meanings: dict[Definition, Meaning] = {}
        self._edges: dict[Definition, list[Definition]] = {}
        self._digests: dict[Definition, str] = {}
        self._effects_of: dict[str, Meaning] = {}

    def named(self, names: str) -> list[Definition]:
        """The definitions of `module:name`, of which the name may hold `*`. Raises Unseen if there are none."""
        module, _, name = names.partition(":")
        found = self._library.find(module)
        definitions = [Definition(module, one) for one in found.defined if fnmatchcase(one, name)] if found else []
        if not definitions:
            raise Unseen(f"there is no {names} in the code", "mend the table of roots and cuts that names it")
        return definitions

    def fingerprint(self, roots: Iterable[str], files: Iterable[str] = ()) -> str:
        """SHA-256 over all that these definitions reach, and over the bytes of files beside the code.

        roots: as `named` takes them; files: patterns relative to the folder. The order of either changes nothing.
        Raises Unseen where the syntax tree does not tell what is reached.
        """
        found = [definition for root in roots for definition in self.named(root)]
        reached = self._reached(found)
        effects = [self._effects(module) for module in self._executed(reached)]
        reached |= self._reached([definition for effect in effects for definition in effect.references])
        self._digest(reached)
        lines = {f"root {self._digests[definition]}" for definition in found}
        lines |= {f"effects {self._text_digest(effect.parts)}" for effect in effects if effect.parts}
        lines |= {f"file {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in self._matching(files)}
        return _sha256("\n".join(sorted(lines)))

    def _matching(self, patterns: Iterable[str]) -> list[Path]:
        found = []
        for pattern in patterns:
            matching = list(self._root.glob(pattern))
            if not matching:
                raise Unseen(f"there is no file {pattern} beside the code", "mend the table that names it")
            found += matching
        return found

    def reached(self, roots: Iterable[str]) -> list[Definition]:
        """All definitions that these reach, themselves too, sorted."""
        return sorted(self._reached([definition for root in roots for definition in self.named(root)]))

    def _meaning(self, definition: Definition) -> Meaning:
        if definition not in self._meanings:
            module = self._module(definition.module)
            self._meanings[definition] = meaning_of(
                self._library, module, module.defined[definition.name], definition.name, self._mute
            )
        return self._meanings[definition]

    def _module(self, name: str) -> Module:
        module = self._library.find(name)
        assert module is not None, name
        return module

    def _followed(self, definition: Definition) -> list[Definition]:
        if definition not in self._edges:
            self._edges[definition] = [one for one in self._meaning(definition).references if one not in self._cuts]
        return self._edges[definition]

    def _reached(self, roots: Iterable[Definition]) -> dict[Definition, None]:
        found: dict[Definition, None] = {}
        waiting = list(roots)
        while waiting:
            definition = waiting.pop()
            if definition not in found:
                found[definition] = None
                waiting += self._followed(definition)
        return found

    def _executed(self, reached: Iterable[Definition]) -> list[str]:
        """The modules that are executed where this code runs: its own and all that they import, sorted."""
        found: set[str] = set()
        waiting: list[str] = []
        for definition in reached:
            waiting += with_parents(definition.module)
            waiting += self._loaded(self._meaning(definition).loads)
        while waiting:
            name = waiting.pop()
            module = self._library.find(name)
            if name not in found and module is not None:
                found.add(name)
                waiting += self._loaded(module.loads)
        return sorted(found)

    def _loaded(self, loads: Iterable[Imported]) -> list[str]:
        return [name for imported in loads for name in self._library.loaded_by(imported)]

    def _effects(self, name: str) -> Meaning:
        """What the import of a module does; decorators of the followed packages do something, too."""
        if name in self._effects_of:
            return self._effects_of[name]
        module = self._module(name)
        effects = meaning_of(self._library, module, module.effects, "", self._mute)
        for decorated in module.decorated:
            decorators = [
                decorator.func if isinstance(decorator, ast.Call) else decorator
                for statement in module.defined[decorated]
                for decorator in getattr(statement, "decorator_list", [])
            ]
            called = meaning_of(self._library, module, [ast.Expr(one) for one in decorators], "", self._mute)
            if any(definition not in self._cuts for definition in called.references):
                effects.parts.append(Definition(name, decorated))
        self._effects_of[name] = effects
        return effects

    def _digest(self, reached: Iterable[Definition]) -> None:
        """Work out the digests of these definitions, what is referred to first."""
        for circle in _circles(reached, self._followed):
            if circle[0] in self._digests:
                continue
            within = dict.fromkeys(circle, "")
            for _ in circle:
                within = {
                    definition: self._text_digest(self._meaning(definition).parts, within) for definition in circle
                }
            self._digests |= within

    def _text_digest(self, parts: Iterable[Part], within: dict[Definition, str] | None = None) -> str:
        """SHA-256 of a meaning with digests in place of references; of a cut only its name is taken."""
        within = within or {}
        return _sha256(
            "\n".join(
                part
                if isinstance(part, str)
                else f"cut {part.name}"
                if part in self._cuts
                else f"to {within[part] if part in within else self._digests[part]}"
                for part in parts
            )
        )


def _circles(
    nodes: Iterable[Definition], successors: Callable[[Definition], list[Definition]]
) -> list[list[Definition]]:
    """Groups of definitions that refer to each other, those that are referred to first (Tarjan 1972).

    nodes: closed under `successors`.
    """
    index: dict[Definition, int] = {}
    low: dict[Definition, int] = {}
    open_ones: dict[Definition, None] = {}
    circles: list[list[Definition]] = []
    for start in nodes:
        if start in index:
            continue
        path = [(start, iter(successors(start)))]
        index[start] = low[start] = len(index)
        open_ones[start] = None
        while path:
            node, others = path[-1]
            for other in others:
                if other not in index:
                    index[other] = low[other] = len(index)
                    open_ones[other] = None
                    path.append((other, iter(successors(other))))
                    break
                if other in open_ones:
                    low[node] = min(low[node], index[other])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    members = list(open_ones)
                    circle = members[members.index(node) :]
                    for member in circle:
                        del open_ones[member]
                    circles.append(sorted(circle))
    return circles


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
