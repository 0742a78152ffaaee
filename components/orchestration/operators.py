"""Airflow's side of a task: run a plain function of this package, log its lines, fail with or without retry."""

from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from components.errors import MedhashError
from components.orchestration.process import Child
from components.orchestration.seal import seal
from components.orchestration.stage_run import StageFailed, run_item


class _InCheckout(BaseOperator):
    """A task that runs commands in the root of the checkout; ending the task ends them."""

    def __init__(self, *, root: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root

    def child(self) -> Child:
        self._child = Child(Path(self.root), self.log.info)
        return self._child

    def on_kill(self) -> None:
        self._child.stop()


class StageOperator(_InCheckout):
    """Runs one item of dvc.yaml and nothing before it. A failed gate is final, and named."""

    def __init__(self, *, item: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.item = item

    def execute(self, context: Any) -> None:
        try:
            run_item(Path(self.root), self.item, self.child())
        except StageFailed as failure:
            if failure.retry:
                raise
            raise AirflowFailException(str(failure)) from failure


class SealOperator(_InCheckout):
    """Fails if anything is stale at the end of the run; returns the digest of dvc.lock."""

    def execute(self, context: Any) -> str:
        try:
            digest = seal(Path(self.root), self.child())
        except MedhashError as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("sealed: dvc.lock is %s", digest)
        return digest


class CommandOperator(_InCheckout):
    """Runs `python -m components.NAME`, an act that is no stage, such as promote."""

    def __init__(self, *, command: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.command = command

    def execute(self, context: Any) -> None:
        finished = self.child().run(self.command)
        if finished.code == 0:
            return
        message = finished.message()
        if message is not None:
            raise AirflowFailException(message)
        raise RuntimeError(f"{' '.join(self.command)} ended with exit code {finished.code}")
