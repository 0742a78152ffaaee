"""A decision's line in the audit log: written before anything changes, and once, however often the run is repeated."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from components.audit.log import Line, append, read_log, who_asks
from components.errors import MedhashError
from components.promote.latest import Latest, write_latest
from components.workspace import Workspace


def append_once(workspace: Workspace, act: str, what: dict[str, Any], who: str | None = None) -> Line:
    """Append, unless the very same act by the same person is the last line: then that line.

    So a run that was cut off after this line finds it again, while an act that was undone in between is a new one.
    """
    lines = read_log(workspace)
    if lines:
        last = lines[-1].entry
        if (last.act, last.who, last.what) == (act, who or who_asks(), what):
            return lines[-1]
    return append(workspace, act, what, who)


@contextmanager
def refusing(workspace: Workspace, model: str, clause: str, dry_run: bool) -> Iterator[None]:
    """Leave a line `refuse` and a latest.json when what is done inside raises MedhashError, which goes on.

    clause: what could not be met, such as `gates`. A dry run leaves nothing.
    """
    try:
        yield
    except MedhashError as error:
        if not dry_run:
            append_once(workspace, "refuse", {"model": model, "failed": [clause], "why": error.problem})
            write_latest(
                workspace,
                Latest(
                    model=model,
                    version=None,
                    promoted=False,
                    outcome="not promoted",
                    why=error.problem,
                    failed_clauses=[clause],
                ),
            )
        raise
