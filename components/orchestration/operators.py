"""Airflow's side of a task: run a plain function of this package, log its lines, fail with or without retry."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from components.errors import MedhashError
from components.orchestration.process import Child
from components.orchestration.progress import progress_line
from components.orchestration.seal import seal
from components.orchestration.stage_run import StageFailed, run_act, run_item


class _InCheckout(BaseOperator):
    """A task that runs commands in the root of the checkout; ending the task ends them."""

    def __init__(self, *, root: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root
        self._child: Child | None = None

    @contextmanager
    def _reported(self, item: str) -> Iterator[Child]:
        """Hand out a child process to work with; log start, end and failure.

        What a second try cannot mend becomes an AirflowFailException.
        """
        started = time.monotonic()
        self.log.info(progress_line(item, "started"))
        self._child = Child(Path(self.root), self.log.info)
        try:
            yield self._child
        except (StageFailed, MedhashError) as failure:
            self.log.error(progress_line(item, "failed", message=str(failure)))
            if isinstance(failure, StageFailed) and failure.retry:
                raise
            raise AirflowFailException(str(failure)) from failure
        self.log.info(progress_line(item, "done", seconds=round(time.monotonic() - started, 1)))

    def on_kill(self) -> None:
        if self._child is not None:
            self._child.stop()


class StageOperator(_InCheckout):
    """Runs one item of dvc.yaml and nothing before it. A failed gate is final, and named."""

    def __init__(self, *, item: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.item = item

    def execute(self, context: Any) -> None:
        with self._reported(self.item) as child:
            run_item(Path(self.root), self.item, child)


class SealOperator(_InCheckout):
    """Fails if anything is stale at the end of the run; returns the digest of dvc.lock."""

    def execute(self, context: Any) -> str:
        with self._reported(self.task_id) as child:
            digest = seal(Path(self.root), child)
            self.log.info("sealed: dvc.lock is %s", digest)
        return digest


class ActOperator(_InCheckout):
    """Runs `python -m components.NAME`, an act that is no stage, such as promote."""

    def __init__(self, *, module: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.module = module

    def execute(self, context: Any) -> None:
        with self._reported(self.task_id) as child:
            run_act(self.module, child)
