"""What all tests need: an interrupt that interrupts, whoever started pytest, and the longest tests first."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from made_once import made_once

from medhash.core import tracking
from medhash.core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient


def pytest_configure() -> None:
    """A shell's `&` starts its commands with SIGINT ignored, and every process a test starts would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start real services take minutes: begun last, one would keep a single core busy at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="session")
def quick_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Begin every MLflow store as a copy of an empty one: MLflow takes more than a second to make its tables."""
    real = tracking.connect

    def connect(workspace: Workspace) -> "MlflowClient":
        database = workspace.mlflow_database
        if "MLFLOW_TRACKING_URI" not in os.environ and not database.exists():
            empty = Workspace(made_once(tmp_path_factory, "empty-store", lambda root: real(Workspace(root))))
            database.parent.mkdir(parents=True, exist_ok=True)
            part = database.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            shutil.copy(empty.mlflow_database, part)
            with suppress(FileExistsError):  # another was first
                os.link(part, database)
            part.unlink()
        return real(workspace)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tracking, "connect", connect)
        yield
