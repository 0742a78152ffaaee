"""Looks at the archive, and starts a run of `hashing_retrain` once it has changed and come to rest.

Two looks in a row must find it the same, so that no run starts in the middle of a copy. A look that finds nothing to
do is skipped; one that finds no archive, or cannot read it, fails. Settings: schedule.watch_cron (empty: no watch) and
ingest.archive of params.yaml.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG

from medhash.core.params import load_params
from medhash.platform.airflow.notify import callbacks
from medhash.platform.airflow.schedule import cron
from medhash.platform.airflow.watch_operator import LookOperator

ROOT = Path(os.environ.get("MEDHASH_ROOT") or Path(__file__).resolve().parents[1])
SCHEDULE = load_params(ROOT / "params.yaml").schedule

if SCHEDULE.watch_cron:
    with DAG(
        dag_id="watch_archive",
        description="Start a retraining when the archive has changed",
        doc_md=__doc__,
        schedule=cron(SCHEDULE.watch_cron, "schedule.watch_cron"),
        start_date=datetime(2026, 1, 1),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=1),
        tags=["medhash", "retraining"],
        default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
        **callbacks(SCHEDULE.notify.model_copy(update={"on": "failure"})),
    ) as dag:
        LookOperator(task_id="look", root=str(ROOT))
