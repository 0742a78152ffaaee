"""The operators, settings and callbacks of the real DAG around one small stage and a promotion that always refuses."""

import os
from datetime import datetime
from pathlib import Path

from airflow.sdk import DAG

from medhash.core.params import load_params
from medhash.platform.airflow.notify import callbacks
from medhash.platform.airflow.operators import PromoteOperator, StageOperator
from medhash.platform.airflow.schedule import form, run_schedule, task_settings

ROOT = Path(os.environ["MEDHASH_ROOT"])
SCHEDULE = load_params(ROOT / "params.yaml").schedule

NOTIFY = {"small": SCHEDULE.notify, "unreachable": SCHEDULE.notify.model_copy(update={"email": "nowhere"})}

for name, notify in NOTIFY.items():
    with DAG(
        dag_id=name,
        schedule=run_schedule(SCHEDULE),
        start_date=datetime(2026, 1, 1),
        catchup=False,
        params=form(),
        default_args=task_settings(SCHEDULE),
        **callbacks(notify),
    ) as dag:
        train = StageOperator.partial(
            task_id="train", root=str(ROOT), pool="gpu", map_index_template="{{ task.item }}"
        ).expand(item=["train@lsh"])
        promote = PromoteOperator(task_id="promote", root=str(ROOT))
        promote.module = "refuse"
        train >> promote
    globals()[name] = dag
