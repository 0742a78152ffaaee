"""Make the champion's predecessor the champion again.

The predecessor is fetched and checked first. The version that is left keeps the tag `rolled_back`, and no run
promotes it by itself again. Asked twice, it goes back twice.
"""

from typing import TYPE_CHECKING

from medhash.core.command import reports_errors, stage_parser
from medhash.core.errors import MedhashError
from medhash.releases.acts import Act, add_act_options, registry_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from medhash.core.workspace import Workspace
    from medhash.releases.registry import Registry

_FORCE = "choose by hand: `medhash promote --force --reason …` makes this run's best model champion"


class RolledBack(Act):
    """Who left this version by a rollback, when, and why."""


def rollback(workspace: "Workspace", registry: "Registry", asked: RolledBack) -> str:
    """Point the alias `champion` to the version that the champion took the place of; returns an account.

    The alias moves last, in one step: cut off before that, the same call does the work. Raises MedhashError, and the
    champion stays, if there is none, if there is nothing before it, if what was before it is gone, broken or was rolled
    back itself, or if a promotion is under way.
    """
    from medhash.releases.promotion.recording import append_once
    from medhash.releases.registry import CHAMPION, PREDECESSOR
    from medhash.releases.searcher.loaded import require_decoder
    from medhash.releases.staging import desk

    with desk(workspace, registry) as folder:
        champion = registry.version_of(CHAMPION)
        if champion is None:
            raise MedhashError(
                f"{registry.name} has no champion, so there is nothing to go back from",
                "run `medhash promote` after training",
            )
        number = champion.tags.get(PREDECESSOR)
        if number is None:
            raise MedhashError(
                f"version {champion.version} of {registry.name} took no other's place: there is nothing further back",
                _FORCE,
            )
        before = _predecessor(registry, champion, number)
        _, release = registry.fetch_checked(before, folder / "predecessor")
        require_decoder(release)
        append_once(
            workspace,
            "rollback",
            {"model": registry.name, "from": str(champion.version), "to": str(before.version), "reason": asked.reason},
            asked.who,
        )
        registry.leave(champion, before, asked.model_dump_json())
        registry.uncrown(before)
    return (
        f"{registry.name}: version {before.version} ({before.tags.get('method', 'unknown method')}) is champion "
        f"again, in place of version {champion.version}, {asked}"
    )


def _predecessor(registry: "Registry", champion: "ModelVersion", number: str) -> "ModelVersion":
    from medhash.releases.registry import ROLLED_BACK

    before = registry.version(number)
    if before is None:
        raise MedhashError(
            f"version {number} of {registry.name}, whose place version {champion.version} took, is no "
            "longer in MLflow; the champion stays",
            "it may have been deleted because it held withdrawn "
            "or forgotten images; if that was a mistake, restore it from a backup; or "
            f"{_FORCE}",
        )
    if ROLLED_BACK in before.tags:
        left = RolledBack.of_tag(ROLLED_BACK, before.tags[ROLLED_BACK])
        raise MedhashError(
            f"version {number} of {registry.name}, whose place version {champion.version} took, was "
            f"rolled back itself, {left}; the champion stays",
            _FORCE,
        )
    return before


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("rollback", __doc__)
    add_act_options(parser)
    args = parser.parse_args(argv)
    asked = RolledBack.now(args.reason, args.by)
    from medhash.core import tracking
    from medhash.core.workspace import Workspace

    registry = registry_of(args)
    with tracking.answered():
        print(rollback(Workspace(args.root), registry, asked))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
