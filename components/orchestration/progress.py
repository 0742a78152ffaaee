"""The lines by which a task tells who watches its log how far it is: `medhash-progress {"item": …, "state": …}`."""

import json
from typing import Any

PREFIX = "medhash-progress "


def progress_line(item: str, state: str, **more: Any) -> str:
    """state: started, done (with seconds) or failed (with message)."""
    return PREFIX + json.dumps({"item": item, "state": state, **more})


def parse_progress(line: str) -> dict[str, Any] | None:
    """What a line of a log says about progress, whatever the logger wrote around it; None if nothing."""
    start = line.find(PREFIX)
    if start < 0:
        return None
    try:
        event, _ = json.JSONDecoder().raw_decode(line, start + len(PREFIX))
    except ValueError:
        return None
    return event if isinstance(event, dict) and {"item", "state"} <= event.keys() else None
