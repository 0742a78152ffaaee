"""Make the champion's predecessor the champion again.

The predecessor is fetched and checked first. The version that is left keeps the tag `rolled_back`, and no run
promotes it by itself again. Asked twice, it goes back twice.
"""

from typing import TYPE_CHECKING

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.audit import append_once
from medhash.releases.registry import CHAMPION, PREDECESSOR, ROLLED_BACK, Registry
from medhash.releases.request import UserRequest
from medhash.releases.searcher.loaded import require_decoder
from medhash.releases.staging import staging

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_FORCE = "choose by hand: `medhash promote --force --reason …` makes this run's best model champion"


class RolledBack(UserRequest):
    """Who left this version by a rollback, when, and why."""


def rollback(workspace: Workspace, registry: Registry, request: RolledBack) -> str:
    """Point the alias `champion` to the version that the champion replaced; returns a summary.

    The alias moves last, in one step. If the call is cut off before that, the same call finishes it. Raises
    MedhashError, and the champion stays, if there is no champion, if a promotion is under way, or if the predecessor
    is missing, broken or was rolled back itself.
    """
    with staging(workspace, registry) as folder:
        champion = registry.version_of(CHAMPION)
        if champion is None:
            raise MedhashError(
                f"{registry.name} has no champion, so there is nothing to roll back",
                "run `medhash promote` after training",
            )
        number = champion.tags.get(PREDECESSOR)
        if number is None:
            raise MedhashError(
                f"version {champion.version} of {registry.name} replaced no other: there is nothing to go back to",
                _FORCE,
            )
        before = _predecessor(registry, champion, number)
        _, release = registry.fetch_checked(before, folder / "predecessor")
        require_decoder(release)
        append_once(
            workspace,
            "rollback",
            {
                "model": registry.name,
                "from": str(champion.version),
                "to": str(before.version),
                "reason": request.reason,
            },
            request.who,
        )
        registry.leave(champion, before, request.model_dump_json())
        registry.demote_to(before)
    return (
        f"{registry.name}: version {before.version} ({before.tags.get('method', 'unknown method')}) is champion "
        f"again, in place of version {champion.version}, {request}"
    )


def _predecessor(registry: Registry, champion: "ModelVersion", number: str) -> "ModelVersion":
    before = registry.version(number)
    if before is None:
        raise MedhashError(
            f"version {number} of {registry.name}, which version {champion.version} replaced, is no "
            "longer in MLflow; the champion stays",
            "it may have been deleted because it held withdrawn "
            "or forgotten images; if that was a mistake, restore it from a backup; or "
            f"{_FORCE}",
        )
    if ROLLED_BACK in before.tags:
        left = RolledBack.of_tag(ROLLED_BACK, before.tags[ROLLED_BACK])
        raise MedhashError(
            f"version {number} of {registry.name}, which version {champion.version} replaced, was "
            f"rolled back itself, {left}; the champion stays",
            _FORCE,
        )
    return before
