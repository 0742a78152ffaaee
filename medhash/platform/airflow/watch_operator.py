"""The operator that looks at the archive: it starts a run, or is skipped."""

from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from medhash.archives.watch import look
from medhash.core.errors import MedhashError
from medhash.core.params import load_params
from medhash.core.workspace import Workspace
from medhash.platform.airflow.notify import FAILURE
from medhash.platform.airflow.schedule import ARCHIVE


class LookOperator(BaseOperator):
    """Looks at the archive once. Updates the asset if a run is due, is skipped if not, fails on an error."""

    def __init__(self, *, root: str, **kwargs: Any) -> None:
        super().__init__(outlets=[ARCHIVE], **kwargs)
        self.root = root

    def execute(self, context: Any) -> None:
        root = Path(self.root)
        try:
            found = look(Workspace(root), load_params(root / "params.yaml").ingest, context["run_id"])
        except MedhashError as error:
            context["ti"].xcom_push(FAILURE, {"item": self.task_id, "message": str(error)})
            raise AirflowFailException(str(error)) from error
        self.log.info(found.says)
        if found.verdict != "changed":
            raise AirflowSkipException(found.says)
        context["outlet_events"][ARCHIVE].extra = {"n_files": found.now.n_files, "n_bytes": found.now.n_bytes}
