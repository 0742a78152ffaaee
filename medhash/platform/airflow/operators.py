"""Airflow operators: run a function of this package, log its lines, fail with or without a retry."""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from medhash.core.errors import MedhashError
from medhash.core.process import Child
from medhash.platform.airflow.note import write_note
from medhash.platform.airflow.notify import FAILURE, format_failure
from medhash.platform.airflow.request import Request
from medhash.platform.stage_run import StageFailed, run_command, run_item, seal

PREFIX = "medhash-progress "


def progress_line(item: str, state: str, **more: Any) -> str:
    """state: started, done (with seconds) or failed (with message)."""
    return PREFIX + json.dumps({"item": item, "state": state, **more})


def parse_progress(line: str) -> dict[str, Any] | None:
    """The progress event in a line of a log, whatever the logger wrote around it; None if there is none."""
    start = line.find(PREFIX)
    if start < 0:
        return None
    try:
        event, _ = json.JSONDecoder().raw_decode(line, start + len(PREFIX))
    except ValueError:
        return None
    return event if isinstance(event, dict) and {"item", "state"} <= event.keys() else None


_NOTES = logging.getLogger("airflow.task.note")
"""For the notes of runs; the operators' own loggers carry the output of their commands."""


class CheckoutOperator(BaseOperator):
    """A task that runs commands in the root of the checkout. Stopping the task stops them."""

    def __init__(self, *, root: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root
        self._child: Child | None = None
        self._context: Any = {}

    def pre_execute(self, context: Any) -> None:
        self._context = context

    def _record_failure(self, item: str, message: str, final: bool) -> None:
        """Leave the failure as an XCom, and as the run's note if there will be no retry."""
        ti = self._context.get("ti")
        if ti is not None:
            ti.xcom_push(FAILURE, {"item": item, "message": message})
            if final or ti.try_number > ti.max_tries:
                write_note(ti, f"failed at {item}\n{message}", _NOTES)

    def _request(self) -> Request:
        """The request of the run. Every task checks it, so that a wrong one ends the run at its first task."""
        run = self._context.get("dag_run")
        return Request(self._context.get("params", {}), getattr(run, "triggering_user_name", None))

    @contextmanager
    def _reported(self, item: str) -> Iterator[Child]:
        """Yield a child process to run commands with; log start, end and failure.

        A failure that a retry cannot fix becomes an AirflowFailException.
        """
        started = time.monotonic()
        self.log.info(progress_line(item, "started"))
        self._child = Child(Path(self.root), self.log.info, self._variables(), _supervisor())
        try:
            self._request()
            yield self._child
        except (StageFailed, MedhashError, AirflowTaskTimeout) as failure:
            self.log.error(progress_line(item, "failed", message=format_failure(failure, self.execution_timeout)))
            final = isinstance(failure, MedhashError) or (isinstance(failure, StageFailed) and not failure.retry)
            self._record_failure(item, format_failure(failure, self.execution_timeout, to_others=True), final)
            if final:
                raise AirflowFailException(str(failure)) from failure
            raise
        self.log.info(progress_line(item, "done", seconds=round(time.monotonic() - started, 1)))

    def _variables(self) -> dict[str, str]:
        run = self._context.get("run_id")
        return {"MEDHASH_WHO": f"airflow:{run}", "MEDHASH_AIRFLOW_RUN": run} if run else {}

    def on_kill(self) -> None:
        if self._child is not None:
            self._child.stop()


class StageOperator(CheckoutOperator):
    """Runs one item of dvc.yaml and nothing upstream of it. A failed gate is not retried."""

    def __init__(self, *, item: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.item = item

    def execute(self, context: Any) -> None:
        with self._reported(self.item) as child:
            run_item(Path(self.root), self.item, child)


class SealOperator(CheckoutOperator):
    """Fails if a stage is stale at the end of the run; returns the digest of dvc.lock."""

    def execute(self, context: Any) -> str:
        with self._reported(self.task_id) as child:
            digest = seal(Path(self.root), child)
            self.log.info("sealed: dvc.lock is %s", digest)
        return digest


class CommandOperator(CheckoutOperator):
    """Runs `medhash COMMAND`, for a command that is no stage."""

    module = "medhash.cli"

    def __init__(self, *, command: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.command = command

    def execute(self, context: Any) -> None:
        with self._reported(self.task_id) as child:
            run_command(self.command, child, self._arguments(), self.module)

    def _arguments(self) -> list[str]:
        return []


class DriftOperator(CommandOperator):
    """Measures the drift of new images; accepts it if the run requests that."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(command="drift", **kwargs)

    def _arguments(self) -> list[str]:
        return self._request().drift_arguments()


class PromoteOperator(CommandOperator):
    """Promotes as the run requests; leaves the decision as an XCom and as the note of the run."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(command="promote", **kwargs)

    def execute(self, context: Any) -> None:
        from medhash.platform.airflow.note import DECISION, age_of_decision, read_decision

        before = age_of_decision(Path(self.root))
        try:
            super().execute(context)
        finally:
            if age_of_decision(Path(self.root)) != before and "ti" in self._context:
                decision = read_decision(Path(self.root))
                self._context["ti"].xcom_push(DECISION, decision.model_dump(mode="json"))
                write_note(self._context["ti"], decision.note(), _NOTES)
        if self._request().is_dry_run and "ti" in self._context:
            write_note(self._context["ti"], "dry run: see the decision in the log of promote", _NOTES)

    def _arguments(self) -> list[str]:
        return self._request().promote_arguments()


def _supervisor() -> list[int]:
    """The process that reports this task to Airflow. Without it, Airflow may start a retry beside this one.

    None if tasks run inside the command itself, as under `airflow dags test`.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import CommsDecoder

    return [os.getppid()] if isinstance(getattr(task_runner, "SUPERVISOR_COMMS", None), CommsDecoder) else []
