"""A stage that other machines work on, as one group of tasks: publish its inputs, work, collect its results."""

import re
import sys
from collections.abc import Callable
from typing import Any

from airflow.sdk import TaskGroup

from medhash.core.graph import Stage
from medhash.core.process import Child, Finished
from medhash.platform.airflow.operators import CheckoutOperator, StageOperator
from medhash.platform.stage_run import StageFailed

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
REPOSITORY_VARIABLE = "MEDHASH_WORK_REPOSITORY"
"""Address of the git repository, as this machine sees it, that workers clone; unset: the coordinator's checkout."""
_FINAL = 1
"""Exit code of a medhash command whose error the user must fix. Any other error may be temporary."""


def remote_tasks(
    stage: Stage, root: str, working: Callable[[str], Any], repository: str | None, **settings: Any
) -> Any:
    """publish-STAGE >> work-STAGE >> STAGE.

    working: makes the mapped task work-STAGE from the template of the commit. repository: where this machine pushes
    that commit, if workers do not clone its checkout.
    """
    with TaskGroup(group_id=f"{stage.name}-remote", prefix_group_id=False) as group:
        publish = PublishOperator(
            task_id=f"publish-{stage.name}", root=root, stage=stage.name, repository=repository, **settings
        )
        work = working(f"{{{{ ti.xcom_pull(task_ids='{publish.task_id}') }}}}")
        collect = CollectOperator.partial(
            task_id=stage.name, root=root, map_index_template="{{ task.item }}", **settings
        ).expand(item=list(stage.items))
        publish >> work >> collect
    return group


def run_worker(child: Child, name: str, *arguments: str) -> Finished:
    """Run `medhash work ARGUMENTS`. Raises StageFailed; it is worth a retry unless the user has to act."""
    finished = child.run([sys.executable, "-m", "medhash.cli", "work", *arguments])
    if finished.code == 0:
        return finished
    last = next((line for line in reversed(finished.tail) if line), "")
    raise StageFailed(
        finished.message() or f"{name} ended with exit code {finished.code}: {last}", retry=finished.code != _FINAL
    )


class PublishOperator(CheckoutOperator):
    """Publishes what a stage's items read; returns the commit for the workers."""

    def __init__(self, *, stage: str, repository: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.repository = repository

    def execute(self, context: Any) -> str:
        target = ["--repository", self.repository] if self.repository else []
        with self._reported(self.task_id) as child:
            finished = run_worker(child, self.task_id, "--publish", "--item", self.stage, *target)
        return next(line for line in reversed(finished.tail) if _COMMIT.fullmatch(line))


class CollectOperator(StageOperator):
    """Collects an item's result from the machine that computed it; computes nothing."""

    def execute(self, context: Any) -> None:
        with self._reported(self.item) as child:
            run_worker(child, self.item, "--collect", "--item", self.item)
