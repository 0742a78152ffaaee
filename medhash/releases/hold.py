"""Keep the champion as it is, whatever comes, until the hold is lifted.

Runs go on and register what they trained; they promote nothing. `medhash promote --force` and `medhash rollback`,
which a person asks for by name, are not kept from anything. Nor are `medhash withdraw` and `medhash forget`: images
that must go leave a held champion too, which is then a new version of the same model.
"""

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.audit import append_once
from medhash.releases.lease import holder
from medhash.releases.registry import Registry
from medhash.releases.request import UserRequest

HOLD = "hold"
"""Tag of the registered model, there while the hold lasts."""


class Hold(UserRequest):
    """Who holds the champion, since when, and why."""


def held(registry: Registry) -> Hold | None:
    """The hold as MLflow has it now; None if there is none."""
    text = registry.client.get_registered_model(registry.name).tags.get(HOLD)
    return Hold.of_tag(HOLD, text) if text is not None else None


def hold(workspace: Workspace, registry: Registry, request: Hold) -> str:
    """Hold the champion; returns a summary. Raises MedhashError if it is held already."""
    present = held(registry)
    if present is not None:
        raise MedhashError(f"{registry.name} is held already, {present}", "lift that hold first: `medhash hold --lift`")
    append_once(workspace, "hold", {"model": registry.name, "reason": request.reason}, request.who)
    registry.client.set_registered_model_tag(registry.name, HOLD, request.model_dump_json())
    busy = holder(registry)
    return f"{registry.name} is held, {request}" + (
        f"\nnote: process {busy.pid} on {busy.host} is promoting since {busy.since}; it may have decided already"
        if busy
        else ""
    )


def lift(workspace: Workspace, registry: Registry, who: str, reason: str | None) -> str:
    """Lift the hold; returns a summary. Raises MedhashError if there is none."""
    present = held(registry)
    if present is None:
        raise MedhashError(f"{registry.name} is not held", "nothing to do")
    what = {"model": registry.name, "held": str(present)} | ({"reason": reason} if reason else {})
    append_once(workspace, "lift", what, who)
    registry.client.delete_registered_model_tag(registry.name, HOLD)
    return f"{registry.name} is no longer held; it was, {present}"
