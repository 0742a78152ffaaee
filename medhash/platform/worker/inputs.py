"""The results of other stages that an item reads, by DVC's own reading of dvc.yaml."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from medhash.core.errors import MedhashError
from medhash.core.graph import read_graph
from medhash.core.workspace import Workspace
from medhash.hashing.method_code import features_read_by

if TYPE_CHECKING:
    from dvc.repo import Repo

REMOTE_STAGES = ("train", "encode")
"""The stages that profit from another machine."""


@dataclass(frozen=True)
class Input:
    """A result that an item reads: its path, the item that makes it, and whether dvc.lock has its digest."""

    path: str
    made_by: str
    is_locked: bool


def items_of(root: Path, names: list[str]) -> list[str]:
    """The named items, and all items of the named stages.

    Raises MedhashError for an unknown name, or an item that another machine cannot run.
    """
    graph = {stage.name: stage.items for stage in read_graph(root)}
    items = [item for name in names for item in graph.get(name, (name,))]
    known = [name for names in graph.values() for name in names]
    with opened(root) as repo:
        for item in items:
            if item not in known:
                raise MedhashError(
                    f"{item!r} is not an item of this commit's dvc.yaml and params.yaml",
                    f"choose one of {', '.join(known)}",
                )
            if any(out.persist for out in stage_of(repo, item).outs):
                raise MedhashError(
                    f"{item} is marked persist in dvc.yaml, so DVC's run-cache does not hold its result",
                    "run it on the coordinator; features, train, encode, index and evaluate can run on other machines",
                )
    return items


def require_item(root: Path, item: str) -> None:
    """Raise MedhashError unless this is one item that another machine can run."""
    found = items_of(root, [item])
    if found != [item]:
        raise MedhashError(f"{item} is a stage of {len(found)} items", f"give one of {', '.join(found)}")


def inputs_of(repo: "Repo", item: str) -> list[Input]:
    """The results that an item reads: its deps in their order, then features, for which dvc.yaml names their pass."""
    found = []
    paths = [PurePosixPath(dep.def_path) for dep in stage_of(repo, item).deps]
    for path in [*paths, *_features(paths)]:
        for out in repo.index.outs:
            made = PurePosixPath(out.def_path)
            if made == path or made in path.parents or path in made.parents:
                found.append(Input(str(made if path in made.parents else path), out.stage.name, bool(out.hash_info)))
    return found


def _features(deps: list[PurePosixPath]) -> list[PurePosixPath]:
    """The files of features of which the deps name the pass that a method got."""
    workspace = Workspace(Path())
    passes = workspace.passed("features").with_suffix("")
    kinds = [kind for dep in deps if dep.is_relative_to(passes) for kind in features_read_by(dep.stem)]
    return [PurePosixPath(path) for kind in kinds for path in (workspace.features(kind), workspace.features_info(kind))]


def opened(root: Path) -> "Repo":
    """DVC's view of a checkout. Raises MedhashError if it is none."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        return Repo(str(root), _wait_for_lock=True)
    except DvcException as error:
        raise MedhashError(
            f"{root} is not a checkout with DVC: {error}", "run in the root of the repository"
        ) from error


def stage_of(repo: "Repo", item: str):  # type: ignore[no-untyped-def]  # DVC's classes have no types
    """DVC's stage object of an item."""
    return repo.stage.load_one(path=f"{repo.root_dir}/dvc.yaml", name=item)
