"""MLflow tells nobody of its use, whatever is asked of it first, and its errors come with a fix that fits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medhash.core.errors import MedhashError
from medhash.core.tracking import answered

SCRIPT = """
from pathlib import Path
from medhash.core import tracking
from components.train.record import recorded
from medhash.core.workspace import Workspace

with {first}:
    from mlflow.telemetry.client import get_telemetry_client
assert get_telemetry_client() is None
"""


@pytest.mark.parametrize("first", ["tracking.answered()", "recorded(Workspace(Path()), 'anything', '')"])
def test_mlflow_is_silent_before_it_is_imported(first: str, tmp_path: Path) -> None:
    # MLflow counts a machine that runs tests as one that wants no reports.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW", "DO_NOT_TRACK", "PYTEST", "CI"))
    }
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "mlflow" not in result.stderr


def test_a_locked_database_is_no_reason_to_look_for_a_server() -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MedhashError, match="is locked") as raised, answered():
        raise MlflowException("(sqlite3.OperationalError) database is locked")
    assert "run the same command again" in raised.value.fix
    assert "start that server" not in raised.value.fix
