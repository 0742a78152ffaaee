"""Stages on Celery workers, which take them from the queue `gpu`."""

import os
from typing import Any

from airflow.configuration import conf

from medhash.core.errors import MedhashError
from medhash.core.graph import Stage
from medhash.platform.airflow.operators import CheckoutOperator
from medhash.platform.airflow.remote_tasks import REPOSITORY_VARIABLE, remote_tasks, run_worker

QUEUE = "gpu"
FOLDER_VARIABLE = "MEDHASH_WORK_FOLDER"
REMOTE_VARIABLE = "MEDHASH_WORK_REMOTE"


def celery_tasks(stage: Stage, root: str, **settings: Any) -> Any:
    """The group of tasks of a stage whose items run on GPU machines.

    MEDHASH_WORK_REPOSITORY is the repository as a machine sees it: the coordinator pushes there, GPU machines clone it.
    """
    # With several executors, as in `LocalExecutor,CeleryExecutor`, a task must name the one it needs.
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

    return remote_tasks(stage, root, working, os.environ.get(REPOSITORY_VARIABLE), **settings)


class QueuedWorkOperator(CheckoutOperator):
    """Runs `medhash work` on the machine that took it from the queue.

    MEDHASH_WORK_REPOSITORY and MEDHASH_WORK_FOLDER must be set there. MEDHASH_WORK_REMOTE (NAME=URL) is needed if
    DVC's remote has another address there than in .dvc/config.
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
            "set it in the environment of its Celery worker, as in deploy/celery/README.md",
        )
    return value
