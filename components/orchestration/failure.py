"""How the failure of a task is told: as the last lines of its log, and to those who are notified."""

from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowTaskTimeout

from components.orchestration.stage_run import StageFailed

FAILURE = "failure"
"""XCom of a failed task: {"item": …, "message": …}."""


def told(failure: BaseException, limit: timedelta | None = None, *, to_others: bool = False) -> str:
    """The message, and the fix where there is one.

    to_others: it leaves the machine. Then nothing is quoted that a crashed program printed: a path in it may name a
    patient. What medhash itself says names rows by number and patients by pseudonym.
    """
    if isinstance(failure, StageFailed) and failure.retry and to_others:
        return "it ended without a message for you\n  fix: the end of the task's log tells more"
    if not isinstance(failure, AirflowTaskTimeout):
        return str(failure)
    hours = f" of {limit.total_seconds() / 3600:g} hours" if limit else ""
    return (
        f"it took longer than its limit{hours}, and was ended\n"
        "  fix: raise schedule.task_hours in params.yaml, or see in the log where it hangs"
    )


def say_last(context: Any) -> None:
    """Callback of a task that failed or is to be tried again: its message and the fix, at the end of its log."""
    exception = context.get("exception")
    if exception is None:
        return
    # A second line of a message would otherwise stand without time and level, apart from the first.
    for line in told(exception, context["task"].execution_timeout).splitlines():
        context["task"].log.error(line)
