"""The plan's files: per item the fingerprint of its code and its settings, written only where they change."""

import json
from typing import Any

from components.plan.items import CUTS, items_of
from medhash.core.files import replacing_file
from medhash.core.fingerprint import Code
from medhash.core.own_code import own_code
from medhash.core.params import Params
from medhash.core.workspace import Workspace


def write_plan(workspace: Workspace, params: Params) -> tuple[int, list[str]]:
    """Write plan/STAGE.json, or plan/STAGE/ITEM.json, of every item; returns their number and those that changed.

    A file whose content is right stays untouched; files of items that are no more go. Raises as `plan_of` does.
    """
    planned, changed, kept = plan_of(own_code(*CUTS), params), [], set()
    for item, document in planned.items():
        text = json.dumps(document, indent=2, sort_keys=True) + "\n"
        path = workspace.plan(item)
        kept.add(path)
        if not path.exists() or path.read_text() != text:
            changed.append(item)
            with replacing_file(path) as temporary:
                temporary.write_text(text)
    for path in workspace.plan("any").parent.rglob("*.json"):
        if path not in kept:
            path.unlink()
    return len(planned), changed


def plan_of(code: Code, params: Params) -> dict[str, dict[str, Any]]:
    """Item → `code`, its fingerprint (medhash/core/fingerprint.py), and `settings`, those it reads.

    Raises MedhashError for settings that name no method, and Unseen for code whose reach cannot be told.
    """
    return {
        item.name: {"code": code.fingerprint(item.roots, item.files), "settings": item.settings}
        for item in items_of(params)
    }
