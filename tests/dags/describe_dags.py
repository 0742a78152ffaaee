"""Print what Airflow makes of a dags folder, as JSON. Run in a process of its own: Airflow takes over logging."""

import json
import sys

from airflow.dag_processing.dagbag import DagBag

bag = DagBag(dag_folder=sys.argv[1])
described = {}
for dag_id, dag in bag.dags.items():
    described[dag_id] = {
        "catchup": dag.catchup, "max_active_runs": dag.max_active_runs, "schedule": dag.schedule,
        "tasks": {task.task_id: {
            "upstream": sorted(task.upstream_task_ids), "pool": task.pool, "retries": task.retries,
            "items": list(task.expand_input.value["item"]) if task.is_mapped else None} for task in dag.tasks}}
heavy = sorted({"torch", "torchvision", "pandas", "pyarrow", "mlflow", "dvc", "great_expectations", "faiss"}
               & set(sys.modules))
print("DESCRIBED " + json.dumps({"errors": bag.import_errors, "dags": described, "heavy": heavy}))
