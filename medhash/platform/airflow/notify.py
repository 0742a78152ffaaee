"""Notifications of how a run ended, by Airflow's HTTP and SMTP notifiers and the connections params.yaml names.

Airflow's DAG processor calls this once a run has ended. It knows the run's id and the task that decided its end; what
failed, and what promotion decided, those tasks left as XComs. A message that cannot be delivered is an error in the
log of the DAG processor, after two attempts, and changes nothing about the run.
"""

import html
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowTaskTimeout

from medhash.core.errors import MedhashError
from medhash.core.params.operation import NotifyParams
from medhash.platform.stage_run import StageFailed

FAILURE = "failure"
"""XCom of a failed task: {"item": …, "message": …}."""


def format_failure(failure: BaseException, limit: timedelta | None = None, *, to_others: bool = False) -> str:
    """The message of a failure, and its fix where there is one.

    to_others: the text leaves the machine. Then it quotes nothing that a crashed program printed: a path may name a
    patient. Messages of medhash itself name rows by number and patients by pseudonym.
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


def log_failure(context: Any) -> None:
    """Callback of a task that failed or will be retried: write its message and the fix at the end of its log."""
    exception = context.get("exception")
    if exception is None:
        return
    # One record per line: a second line of one record would have neither time nor level.
    for line in format_failure(exception, context["task"].execution_timeout).splitlines():
        context["task"].log.error(line)


_ATTEMPTS = 2
_PAUSE_SECONDS = 2.0
_TIMEOUT_SECONDS = 6
"""Airflow ends a callback after 50 s (dag_file_processor_timeout)."""
_REASONS = {
    "timed_out": "the run took longer than schedule.run_hours allows",
    "all_tasks_deadlocked": "no task could be started any more",
}
_NO_MESSAGE = "the task was stopped, lost, or failed on another machine; see its log"
Callback = Callable[[Any], None]
_log = logging.getLogger("airflow.medhash.notify")


def callbacks(notify: NotifyParams) -> dict[str, Callback]:
    """The DAG's callback arguments; none without a webhook and an email connection.

    Raises MedhashError if a mail would have no recipient.
    """
    if not (notify.webhook or notify.email):
        return {}
    if notify.email and not notify.recipients:
        raise MedhashError(
            "params.yaml: schedule.notify.recipients is empty, and schedule.notify.email is set",
            "list the mail addresses there",
        )

    def failed(context: Any) -> None:
        _notify(notify, context, "failed")

    def succeeded(context: Any) -> None:
        _notify(notify, context, "success")

    return {"on_failure_callback": failed} | ({"on_success_callback": succeeded} if notify.on == "always" else {})


def _notify(notify: NotifyParams, context: Any, state: str) -> None:
    from airflow.sdk.execution_time import task_runner

    if hasattr(task_runner, "SUPERVISOR_COMMS"):
        send(notify, message_of(context, state))
    else:
        _log.info("run %s is one of `airflow dags test`: no notification is sent", context["run_id"])


def message_of(context: Any, state: str) -> dict[str, str | None]:
    """The document that is sent: dag, run, state, champion, decision, failed_task, message, link.

    champion: the version that became or already was the champion; None if the run left the champion as it was.
    decision: promoted, forced, held, not promoted, champion already; None if the run did not reach promotion.
    """
    from airflow.sdk.configuration import conf

    from medhash.platform.airflow.note import DECISION, Decision

    dag, run, ti = context["dag"].dag_id, context["run_id"], context.get("ti")
    base = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    message: dict[str, str | None] = {
        "dag": dag,
        "run": run,
        "state": state,
        "champion": None,
        "decision": None,
        "failed_task": None,
        "message": _REASONS.get(context.get("reason") or ""),
        "link": f"{base}/dags/{dag}/runs/{quote(run)}",
    }
    if ti is None:
        return message
    if document := ti.xcom_pull(task_ids="promote", key=DECISION, map_indexes=-1):
        decision = Decision.model_validate(document)
        message |= {"champion": decision.champion, "decision": decision.outcome, "message": decision.why}
    if state == "failed":
        failure = ti.xcom_pull(task_ids=ti.task_id, key=FAILURE, map_indexes=ti.map_index) or {}
        message |= {
            "failed_task": failure.get("item", ti.task_id),
            "message": failure.get("message") or message["message"] or _NO_MESSAGE,
        }
    return message


def send(notify: NotifyParams, message: dict[str, str | None]) -> None:
    """Send a message through every connection; one that fails does not keep the others from being used.

    The notifiers are called here and not by Airflow, which would log the text of an error. It may quote the address,
    and with it a secret of a webhook.
    """
    for connection, notifier in _notifiers(notify, message).items():
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                notifier.notify({})
            except Exception as error:
                _log.error(
                    "connection %s: attempt %d of %d to notify of run %s failed: %s%s",
                    connection,
                    attempt,
                    _ATTEMPTS,
                    message["run"],
                    type(error).__name__,
                    _number(error),
                )
                time.sleep(_PAUSE_SECONDS if attempt < _ATTEMPTS else 0)
            else:
                _log.info(
                    "connection %s: notified that run %s ended as %s", connection, message["run"], message["state"]
                )
                break


def _notifiers(notify: NotifyParams, message: dict[str, str | None]) -> dict[str, Any]:
    """Connection → notifier."""
    from airflow.providers.http.notifications.http import HttpNotifier
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    found: dict[str, Any] = {}
    if notify.webhook:
        limit = {"timeout": _TIMEOUT_SECONDS}
        found[notify.webhook] = HttpNotifier(http_conn_id=notify.webhook, json=message, extra_options=limit)
    if notify.email:
        subject = f"{message['dag']}: {message['decision'] or message['state']}"
        subject += f" at {message['failed_task']}" if message["failed_task"] else ""
        text = "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in message.items() if value)
        found[notify.email] = SmtpNotifier(
            to=notify.recipients,
            subject=subject,
            html_content=f"<pre>{html.escape(text)}</pre>",
            mime_subtype="alternative",
            smtp_conn_id=notify.email,
        )
    return found


def _number(error: Exception) -> str:
    """The code of an error of SMTP, of HTTP or of the system, if it has one."""
    code = (
        getattr(error, "smtp_code", None)
        or getattr(error, "errno", None)
        or (str(error)[:3] if type(error).__name__ == "HttpErrorException" else None)
    )
    return f" ({code})" if code else ""
