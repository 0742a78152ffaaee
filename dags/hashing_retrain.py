"""Retraining: the stages of dvc.yaml as tasks, drift before training, then a seal, then promotion.

Every stage is one task that runs exactly that stage by name; a matrix stage is one mapped task per method, or kind of
features, of params.yaml. Gates are stages: when one fails, the run ends there, and what people search with stays as it
was. A run starts by the clock, and when `watch_archive` finds that the archive has changed.
Settings: section `schedule` of params.yaml; docs/schedule.md. The checkout is MEDHASH_ROOT, by default the folder
above this one.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG

from medhash.core.graph import read_graph
from medhash.core.params import load_params
from medhash.platform.airflow.notify import callbacks
from medhash.platform.airflow.operators import (
    CommandOperator,
    DriftOperator,
    PromoteOperator,
    SealOperator,
    StageOperator,
)
from medhash.platform.airflow.placement import GPU_STAGES, gpu_tasks
from medhash.platform.airflow.schedule import form, run_schedule, task_settings

ROOT = Path(os.environ.get("MEDHASH_ROOT") or Path(__file__).resolve().parents[1])
SCHEDULE = load_params(ROOT / "params.yaml").schedule

with DAG(
    dag_id="hashing_retrain",
    description="Retrain, measure and promote the hashing models",
    doc_md=__doc__,
    schedule=run_schedule(SCHEDULE),
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=SCHEDULE.run_hours),
    params=form(),
    tags=["medhash", "retraining"],
    default_args=task_settings(SCHEDULE),
    **callbacks(SCHEDULE.notify),
) as dag:
    tasks = {}
    for stage in read_graph(ROOT):
        if stage.name in GPU_STAGES:
            task = gpu_tasks(stage, str(ROOT))
        elif stage.is_matrix:
            task = StageOperator.partial(
                task_id=stage.name, root=str(ROOT), map_index_template="{{ task.item }}"
            ).expand(item=list(stage.items))
        else:
            task = StageOperator(task_id=stage.name, root=str(ROOT), item=stage.name)
        for name in stage.upstream:
            tasks[name] >> task
        tasks[stage.name] = task

    drift = DriftOperator(task_id="drift", root=str(ROOT))
    tasks["gate-similarity"] >> drift >> tasks["train"]
    seal = SealOperator(task_id="seal", root=str(ROOT))
    promote = PromoteOperator(task_id="promote", root=str(ROOT))
    withdraw = CommandOperator(task_id="withdraw", root=str(ROOT), command="withdraw")
    [task for task in tasks.values() if not task.downstream_list] >> seal >> promote >> withdraw
