"""Where the tasks that want a GPU run: on this machine, on a Celery worker, or in a Kubernetes pod."""

import os
from typing import Any

from medhash.core.graph import Stage
from medhash.platform.airflow.operators import StageOperator

PLACE_VARIABLE = "MEDHASH_GPU_PLACE"
GPU_STAGES = ("train", "encode")
PLACES = ("local", "celery", "kubernetes")


def gpu_tasks(stage: Stage, root: str, **settings: Any) -> Any:
    """The tasks of a stage of GPU_STAGES, at the place that MEDHASH_GPU_PLACE names (default: local).

    local: one mapped task, with an instance per item. Other places: a group that publishes what the items read, runs
    each on another machine (`medhash work`), and collects the results by a mapped task of the stage's name.
    settings: of the operators, such as their execution_timeout.
    """
    place = os.environ.get(PLACE_VARIABLE, "local")
    if place == "local":
        return StageOperator.partial(
            task_id=stage.name, root=root, pool="gpu", map_index_template="{{ task.item }}", **settings
        ).expand(item=list(stage.items))
    # Imported for their place only: the Kubernetes client costs a second at every parse.
    if place == "celery":
        from medhash.platform.airflow.celery_tasks import celery_tasks

        return celery_tasks(stage, root, **settings)
    if place == "kubernetes":
        from medhash.platform.airflow.kubernetes_pods import pod_tasks

        return pod_tasks(stage, root, **settings)
    raise ValueError(f"{PLACE_VARIABLE} is {place!r}; known are: {', '.join(PLACES)}")
