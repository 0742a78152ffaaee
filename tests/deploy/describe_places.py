"""Print what Airflow makes of the DAG where GPU tasks run elsewhere, and the pods it would ask for, as JSON.

Run in a process of its own: Airflow takes over logging.
"""

import json
import sys

import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

bag = DagBag(dag_folder=sys.argv[1])
tasks, pods = {}, {}
for task in bag.dags["hashing_retrain"].tasks if not bag.import_errors else []:
    tasks[task.task_id] = {
        "operator": task.task_type,
        "upstream": sorted(task.upstream_task_ids),
        "queue": task.queue,
        "executor": task.executor,
        "pool": task.pool,
        "items": list(task.expand_input.value["item"]) if task.is_mapped else None,
    }
    if task.task_type == "ItemPodOperator":
        from kubernetes.client import ApiClient

        for item in task.expand_input.value["item"]:
            pod = task.unmap({"item": item}).build_pod_request_obj(dry_run=True)
            pods[item] = yaml.safe_dump(ApiClient().sanitize_for_serialization(pod))
if not bag.import_errors:
    DagSerialization.from_dict(DagSerialization.to_dict(bag.dags["hashing_retrain"]))
print(
    "DESCRIBED "
    + json.dumps(
        {
            "errors": bag.import_errors,
            "tasks": tasks,
            "pods": pods,
            "heavy": sorted({"torch", "mlflow", "dvc", "pandas"} & set(sys.modules)),
            "kubernetes": "kubernetes" in sys.modules,
        }
    )
)
