"""Run a stage's three operators one after the other, as Airflow would on coordinator, GPU machine and coordinator.

python run_operators.py CHECKOUT STAGE ITEM. In a process of its own: Airflow takes over logging.
"""

import sys

from medhash.platform.airflow.celery_tasks import QueuedWorkOperator
from medhash.platform.airflow.remote_tasks import CollectOperator, PublishOperator

root, stage, item = sys.argv[1:]
commit = PublishOperator(task_id=f"publish-{stage}", root=root, stage=stage).execute({})
print("PUBLISHED", commit)
QueuedWorkOperator(task_id=f"work-{stage}", root=root, item=item, commit=commit).execute({})
CollectOperator(task_id=stage, root=root, item=item).execute({})
