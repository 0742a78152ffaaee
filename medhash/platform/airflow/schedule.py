"""The schedule of the retraining: settings of params.yaml → arguments of Airflow's DAGs and tasks."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param

from medhash.core.errors import MedhashError
from medhash.core.params.operation import ScheduleParams
from medhash.platform.airflow.notify import log_failure
from medhash.platform.airflow.request import FORM

ARCHIVE = Asset("medhash-archive")
"""Updated when the archive has changed and is stable again; that starts a run of hashing_retrain."""
_BACKOFF = 2.0
"""Factor between the waits of two retries."""


def run_schedule(schedule: ScheduleParams) -> Any:
    """Runs by cron, and whenever the archive changed. schedule.cron may be empty."""
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
            f"params.yaml: {key} is {text!r}, which is not a cron expression",
            'give five fields as in "0 3 * * 6", or @daily, @weekly, @monthly',
        )
    return CronTriggerTimetable(text, timezone="UTC")


def task_settings(schedule: ScheduleParams) -> dict[str, Any]:
    """Settings of every task: retries with growing waits, a time limit, a log that ends with the message."""
    return {
        "retries": schedule.retries,
        "retry_delay": timedelta(minutes=schedule.retry_minutes),
        "retry_exponential_backoff": _BACKOFF,
        "max_retry_delay": timedelta(minutes=schedule.max_retry_minutes),
        "execution_timeout": timedelta(hours=schedule.task_hours),
        "on_failure_callback": log_failure,
        "on_retry_callback": log_failure,
    }


def form() -> dict[str, Param]:
    """The form of a run that is started by hand."""
    return {name: Param(**field) for name, field in FORM.items()}
