"""The schedule of the retraining as Airflow takes it: settings of params.yaml in, arguments of DAGs and tasks out."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param

from medhash.core.errors import MedhashError
from medhash.core.params.operation import ScheduleParams
from medhash.platform.airflow.notify import say_last
from medhash.platform.airflow.request import FORM

ARCHIVE = Asset("medhash-archive")
"""Updated when the archive has changed and come to rest; a run of hashing_retrain starts then."""
_BACKOFF = 2.0
"""Each retry waits so many times longer than the one before."""


def run_schedule(schedule: ScheduleParams) -> Any:
    """By the clock, and whenever the archive changed; schedule.cron may be empty."""
    return (
        AssetOrTimeSchedule(timetable=cron(schedule.cron, "schedule.cron"), assets=[ARCHIVE])
        if schedule.cron
        else [ARCHIVE]
    )


def cron(text: str, key: str) -> CronTriggerTimetable:
    """Raises MedhashError naming the key of params.yaml."""
    from croniter import croniter

    if not text.startswith("@") and not croniter.is_valid(text):
        raise MedhashError(
            f"params.yaml: {key} is {text!r}, which is no cron expression",
            'give five fields as in "0 3 * * 6", or @daily, @weekly, @monthly',
        )
    return CronTriggerTimetable(text, timezone="UTC")


def task_settings(schedule: ScheduleParams) -> dict[str, Any]:
    """Of every task: retries that wait ever longer, a limit, and a log that ends with the message."""
    return {
        "retries": schedule.retries,
        "retry_delay": timedelta(minutes=schedule.retry_minutes),
        "retry_exponential_backoff": _BACKOFF,
        "max_retry_delay": timedelta(minutes=schedule.max_retry_minutes),
        "execution_timeout": timedelta(hours=schedule.task_hours),
        "on_failure_callback": say_last,
        "on_retry_callback": say_last,
    }


def form() -> dict[str, Param]:
    """What may be asked of a run when it is started by hand."""
    return {name: Param(**field) for name, field in FORM.items()}
