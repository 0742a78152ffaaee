"""Two versions of one data set, one of which an Airflow run registered, and images taken out in between."""

import numpy as np
import pytest
from releases.champion.registered import register, registry_of, workspace_with_store

from medhash.core.workspace import Workspace
from medhash.releases.audit import append

GONE = f"{119:016x}"
"""An image of a test patient that lay in the tables of version 1 only."""


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    from medhash.core.contracts import IMAGES, LABELS, SPLIT, read_table, write_table

    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("MLFLOW_TRACKING_URI", raising=False)
        workspace = workspace_with_store(tmp_path_factory.mktemp("lineage"))
        patched.setenv("MEDHASH_AIRFLOW_RUN", "scheduled__2026-01-05T00:00:00+00:00")
        first = register(workspace, 1)
        registry_of(workspace).tag(first, {"audit": append(workspace, "promote", {"version": "1"}, "Dr. Roe").digest})
        patched.delenv("MEDHASH_AIRFLOW_RUN")
        for path, schema in ((workspace.images, IMAGES), (workspace.labels, LABELS), (workspace.split, SPLIT)):
            table = read_table(path, schema)
            write_table(path, table.take(np.arange(119)), schema)
        np.save(workspace.pixels, np.load(workspace.pixels)[:119])
        register(workspace, 2)
    return workspace
