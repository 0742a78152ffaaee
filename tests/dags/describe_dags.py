"""Print what Airflow makes of a dags folder in some checkouts, as JSON.

Run in a process of its own: Airflow takes over logging, and what it imports stays.
"""

import json
import os
import sys
from typing import Any

from airflow.dag_processing.dagbag import DagBag


def schedule_of(dag: Any) -> dict[str, Any]:
    """The cron expression and the names of the assets that start it."""
    condition = getattr(dag.timetable, "asset_condition", None)
    clock = getattr(dag.timetable, "timetable", dag.timetable)
    return {
        "cron": getattr(clock, "expression", None),
        "assets": sorted(asset.name for asset in condition.objects) if condition else [],
    }


def seconds(duration: Any) -> float | None:
    return duration.total_seconds() if duration else None


def describe(root: str) -> dict[str, Any]:
    os.environ["MEDHASH_ROOT"] = root
    bag = DagBag(dag_folder=sys.argv[1])
    return {
        "errors": bag.import_errors,
        "dags": {
            dag_id: {
                "catchup": dag.catchup,
                "max_active_runs": dag.max_active_runs,
                "schedule": schedule_of(dag),
                "timeout": seconds(dag.dagrun_timeout),
                "form": {name: dag.params.get_param(name).schema for name in dag.params},
                "calls": sorted(name for name in ("on_success_callback", "on_failure_callback") if getattr(dag, name)),
                "tasks": {
                    task.task_id: {
                        "upstream": sorted(task.upstream_task_ids),
                        "pool": task.pool,
                        "retries": task.retries,
                        "delay": seconds(task.retry_delay),
                        "backoff": task.retry_exponential_backoff,
                        "longest_delay": seconds(task.max_retry_delay),
                        "timeout": seconds(task.execution_timeout),
                        "outlets": [asset.name for asset in task.outlets],
                        "items": list(task.expand_input.value["item"]) if task.is_mapped else None,
                    }
                    for task in dag.tasks
                },
            }
            for dag_id, dag in bag.dags.items()
        },
    }


described = [describe(root) for root in sys.argv[2:]]
heavy = sorted(
    {"torch", "torchvision", "pandas", "pyarrow", "mlflow", "dvc", "great_expectations", "faiss", "numpy"}
    & set(sys.modules)
)
print("DESCRIBED " + json.dumps({"checkouts": described, "heavy": heavy}))
