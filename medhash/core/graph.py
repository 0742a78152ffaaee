"""The graph of dvc.yaml as Airflow needs it: stages, the items of a matrix, and upstream stages.

Reads dvc.yaml and params.yaml as plain YAML in milliseconds: DVC takes seconds to import, and Airflow parses a DAG
every half minute. It supports what dvc.yaml uses: `${dotted.key}` of params.yaml, and a matrix over one name. A test
compares it with DVC's own reading.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from medhash.core.errors import MedhashError

PLAN = "plan"
"""The stage that says which code and settings the others read."""
GATE = "gate-"
_INTERPOLATION = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml. A matrix stage has one item per value; any other has the one item it is itself."""

    name: str
    items: tuple[str, ...]
    """What `dvc repro -s` is given: `split`, or `train@lsh`, `train@itq` …"""
    is_matrix: bool
    upstream: tuple[str, ...]
    """Names of the stages it waits for: those whose outputs it reads, without those upstream of another of them."""
    deps: tuple[str, ...]
    outs: tuple[str, ...]

    @property
    def gated(self) -> str | None:
        """The stage that this one is the gate of."""
        return self.name.removeprefix(GATE) if self.name.startswith(GATE) else None


def read_graph(root: Path) -> tuple[Stage, ...]:
    """Read the stages of `root`/dvc.yaml, in its order.

    Raises MedhashError if a file is missing or an interpolation has no value in params.yaml.
    """
    params = _read(root / "params.yaml")
    stages: list[Stage] = []
    for name, body in _read(root / "dvc.yaml")["stages"].items():
        matrix = {key: _resolved(values, params) for key, values in body.get("matrix", {}).items()}
        if len(matrix) > 1:
            raise MedhashError(
                f"dvc.yaml: {name}: a matrix over {len(matrix)} names",
                "use one name, or teach medhash/core/graph.py how DVC joins them",
            )
        scopes = [{**params, "item": {key: value}} for key, values in matrix.items() for value in values] or [params]
        items = tuple(f"{name}@{value}" for values in matrix.values() for value in values) or (name,)
        deps = _paths(body.get("deps", []), scopes)
        stages.append(
            Stage(
                name=name,
                items=items,
                is_matrix=bool(matrix),
                upstream=_nearest([other.name for other in stages if _touch(deps, other.outs)], stages),
                deps=deps,
                outs=_paths([*body.get("outs", []), *body.get("metrics", []), *body.get("plots", [])], scopes),
            )
        )
    return tuple(stages)


def _read(path: Path) -> Any:
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "run in the root of the repository, or set MEDHASH_ROOT to it")
    return yaml.safe_load(path.read_text())


def _paths(entries: list[Any], scopes: list[dict[str, Any]]) -> tuple[str, ...]:
    """The paths of deps or outs, with every item of a matrix filled in; an entry is a path or {path: options}."""
    paths = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
    return tuple(dict.fromkeys(_resolved(path, scope) for scope in scopes for path in paths))


def _resolved(text: str, scope: dict[str, Any]) -> Any:
    """Fill in `${dotted.key}`; a text that is nothing else takes the value itself (a list stays a list)."""
    whole = _INTERPOLATION.fullmatch(text)
    if whole:
        return _lookup(whole[1], scope)
    return _INTERPOLATION.sub(lambda match: str(_lookup(match[1], scope)), text)


def _lookup(key: str, scope: dict[str, Any]) -> Any:
    value: Any = scope
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise MedhashError(f"dvc.yaml asks for {key}, which params.yaml does not have", f"add {key} to params.yaml")
        value = value[part]
    return value


def _touch(deps: tuple[str, ...], outs: tuple[str, ...]) -> bool:
    """Whether one of the outs is a dep, lies inside one, or holds one."""
    return any(
        dep == out or dep in out.parents or out in dep.parents
        for dep in map(PurePosixPath, deps)
        for out in map(PurePosixPath, outs)
    )


def _nearest(names: list[str], stages: list[Stage]) -> tuple[str, ...]:
    """Of these stages, those that are not upstream of another of them."""
    before: dict[str, set[str]] = {}
    for stage in stages:
        before[stage.name] = set(stage.upstream).union(*(before[name] for name in stage.upstream))
    return tuple(name for name in names if not any(name in before[other] for other in names))
