"""Keep the champion as it is, whatever comes, until the hold is lifted.

Runs go on and register what they trained; they promote nothing. `medhash promote --force` and `medhash rollback`,
which a person asks for by name, are not kept from anything. Nor are `medhash withdraw` and `medhash forget`: images
that must go leave a held champion too, which is then a new version of the same model.
"""

from typing import TYPE_CHECKING

from medhash.core.command import reports_errors, stage_parser
from medhash.core.errors import MedhashError
from medhash.releases.acts import Act, add_act_options, registry_of

if TYPE_CHECKING:
    from medhash.core.workspace import Workspace
    from medhash.releases.registry import Registry

HOLD = "hold"
"""Tag of the registered model, there while the hold lasts."""


class Hold(Act):
    """Who holds the champion, since when, and why."""


def held(registry: "Registry") -> Hold | None:
    """The hold, asked of MLflow anew; None if there is none."""
    text = registry.client.get_registered_model(registry.name).tags.get(HOLD)
    return Hold.of_tag(HOLD, text) if text is not None else None


def hold(workspace: "Workspace", registry: "Registry", asked: Hold) -> str:
    """Hold the champion; returns an account. Raises MedhashError if it is held already."""
    from medhash.releases.lease import holder
    from medhash.releases.promotion.recording import append_once

    present = held(registry)
    if present is not None:
        raise MedhashError(f"{registry.name} is held already, {present}", "lift that hold first: `medhash hold --lift`")
    append_once(workspace, "hold", {"model": registry.name, "reason": asked.reason}, asked.who)
    registry.client.set_registered_model_tag(registry.name, HOLD, asked.model_dump_json())
    busy = holder(registry)
    return f"{registry.name} is held, {asked}" + (
        f"\nnote: process {busy.pid} on {busy.host} is promoting since {busy.since}; it may have decided already"
        if busy
        else ""
    )


def lift(workspace: "Workspace", registry: "Registry", who: str, reason: str | None) -> str:
    """Lift the hold; returns an account. Raises MedhashError if there is none."""
    from medhash.releases.promotion.recording import append_once

    present = held(registry)
    if present is None:
        raise MedhashError(f"{registry.name} is not held", "nothing is to be done")
    what = {"model": registry.name, "held": str(present)} | ({"reason": reason} if reason else {})
    append_once(workspace, "lift", what, who)
    registry.client.delete_registered_model_tag(registry.name, HOLD)
    return f"{registry.name} is no longer held; it was, {present}"


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("hold", __doc__)
    parser.add_argument("--lift", action="store_true", help="end the hold")
    add_act_options(parser)
    args = parser.parse_args(argv)
    asked = Hold.now(args.reason if args.reason is not None or not args.lift else "lifted", args.by)
    from medhash.core import tracking
    from medhash.core.workspace import Workspace

    workspace, registry = Workspace(args.root), registry_of(args)
    with tracking.answered():
        print(lift(workspace, registry, asked.who, args.reason) if args.lift else hold(workspace, registry, asked))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
