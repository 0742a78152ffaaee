"""Stages on Celery workers: the queue `gpu`, which machines with a GPU listen to."""

import os
from typing import Any

from airflow.configuration import conf

from medhash.core.errors import MedhashError
from medhash.core.graph import Stage
from medhash.platform.airflow.operators import _InCheckout
from medhash.platform.airflow.remote_tasks import REPOSITORY_VARIABLE, elsewhere, run_worker

QUEUE = "gpu"
FOLDER_VARIABLE = "MEDHASH_WORK_FOLDER"
REMOTE_VARIABLE = "MEDHASH_WORK_REMOTE"


def celery_tasks(stage: Stage, root: str, **settings: Any) -> Any:
    """The group of tasks of a stage whose items run on the GPU machines.

    The coordinator pushes what it publishes to its own MEDHASH_WORK_REPOSITORY; each GPU machine has its own too.
    """
    # Beside another executor, as in `LocalExecutor,CeleryExecutor`, a task that goes to Celery has to say so.
    mixed = {"executor": "CeleryExecutor"} if "," in conf.get("core", "executor") else {}

    def working(commit: str) -> Any:
        return QueuedWorkOperator.partial(
            task_id=f"work-{stage.name}",
            root=root,
            commit=commit,
            queue=QUEUE,
            pool="gpu",
            map_index_template="{{ task.item }}",
            **mixed,
            **settings,
        ).expand(item=list(stage.items))

    return elsewhere(stage, root, working, os.environ.get(REPOSITORY_VARIABLE), **settings)


class QueuedWorkOperator(_InCheckout):
    """Runs `medhash work` on the machine that took it from the queue, in that machine's own folder.

    MEDHASH_WORK_REPOSITORY and MEDHASH_WORK_FOLDER must be set there, and MEDHASH_WORK_REMOTE (NAME=URL) if DVC's
    remote has another address there than .dvc/config says.
    """

    template_fields = ("commit",)

    def __init__(self, *, item: str, commit: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.item = item
        self.commit = commit

    def execute(self, context: Any) -> None:
        with self._reported(self.item) as child:
            remote = os.environ.get(REMOTE_VARIABLE)
            run_worker(
                child,
                self.item,
                "--repository",
                _required(REPOSITORY_VARIABLE),
                "--commit",
                self.commit,
                "--item",
                self.item,
                "--folder",
                _required(FOLDER_VARIABLE),
                *(["--remote", remote] if remote else []),
            )


def _required(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise MedhashError(
            f"{variable} is not set on this GPU machine",
            "set it in the environment of its Celery worker; deploy/celery/README.md tells how",
        )
    return value
