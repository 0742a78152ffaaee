"""Run commands of `airflow` one after the other, then call the callbacks of the runs as a scheduler has it done.

In a process of its own: imports cost 3 s, and Airflow takes over logging. Each command is (files to write, words).
"""

import json
import sys
from pathlib import Path

from airflow.cli.cli_parser import get_parser


def run(words: list[str]) -> None:
    print(f"COMMAND {' '.join(words)}", flush=True)
    arguments = get_parser().parse_args(words)
    try:
        arguments.func(arguments)
        print("ENDED 0", flush=True)
    except SystemExit as end:
        print(f"ENDED {end.code}", flush=True)


def request_callbacks() -> None:
    """Ask the DAG processor for the callbacks of all runs, through the database, as `DagRun.update_state` does."""
    from airflow.callbacks.database_callback_sink import DatabaseCallbackSink
    from airflow.models.dagrun import DagRun
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        for dag_run in session.scalars(select(DagRun).where(DagRun.dag_id != "watch_archive").order_by(DagRun.id)):
            success = dag_run.state == "success"
            decided = [ti for ti in dag_run.get_task_instances(session=session) if ti.state == dag_run.state]
            request = dag_run.produce_dag_callback(
                dag=SerializedDagModel.get_dag(dag_run.dag_id, session=session),
                success=success,
                relevant_ti=max(decided, key=lambda ti: ti.end_date),
                reason="success" if success else "task_failure",
            )
            DatabaseCallbackSink().send(request, session=session)


for files, words in json.loads(sys.argv[1]):
    for name, text in files.items():
        Path(name).write_text(text)
    if words[0] == "dag-processor":
        request_callbacks()
    run(words)
