"""Where the tasks that want a GPU run: on this machine, on a Celery worker, or in a Kubernetes pod."""

import os
from typing import Any

from components.graph import Stage
from components.orchestration.operators import StageOperator

PLACE_VARIABLE = "MEDHASH_GPU_PLACE"
GPU_STAGES = ("train", "encode")


def gpu_tasks(stage: Stage, root: str, **settings: Any) -> Any:
    """The mapped task of a stage of GPU_STAGES, one instance per item, where MEDHASH_GPU_PLACE says (default: local).

    settings: of the operator, such as its execution_timeout.
    """
    place = os.environ.get(PLACE_VARIABLE, "local")
    if place != "local":
        raise ValueError(f"{PLACE_VARIABLE} is {place!r}; known are: local")
    return StageOperator.partial(task_id=stage.name, root=root, pool="gpu", map_index_template="{{ task.item }}",
                                 **settings).expand(item=list(stage.items))
