"""A program for test_rollback: rollbacks in processes that kill themselves at the 1st, 2nd … write, and then again.

Arguments: a workspace, a folder for copies of it. Prints a JSON document: for each write, what the kill left and what
the next call made of it. Every process is a fork of this one, which has opened no store but one of its own.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow  # noqa: F401
import torch  # noqa: F401

from medhash.core import tracking
from medhash.core.workspace import Workspace
from medhash.releases import audit as log
from medhash.releases import lease
from medhash.releases.registry import Registry
from medhash.releases.rollback import RolledBack, rollback

NAME = "medhash-nih"
lease.wait = lambda seconds: None
WRITES = (
    "set_registered_model_tag",
    "set_model_version_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "delete_registered_model_tag",
)


def act(root: Path) -> None:
    workspace = Workspace(root)
    rollback(workspace, Registry(tracking.connect(workspace), NAME), RolledBack.now("test", "tester"))


def look(root: Path) -> dict[str, Any]:
    workspace = Workspace(root)
    registry = Registry(tracking.connect(workspace), NAME)
    return {
        "aliases": {alias: int(number) for alias, number in registry.client.get_registered_model(NAME).aliases.items()},
        "audit": [f"{line.entry.what['from']} → {line.entry.what['to']}" for line in log.read_log(workspace)],
        "left": sorted(path.name for path in workspace.state.glob("staging*") if path.is_dir()),
    }


def champion(root: Path) -> int:
    """Asked of the database itself."""
    with sqlite3.connect(root / "var" / "mlflow" / "mlflow.db") as database:
        found = database.execute("SELECT version FROM registered_model_aliases WHERE alias = 'champion'").fetchall()
    assert len(found) == 1
    return int(found[0][0])


def killed_at(root: Path, nth: int) -> None:
    """Rolls back, and dies right before the nth write."""
    from mlflow import MlflowClient

    writes = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **kwargs: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return write

    for name in WRITES:
        setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
    log.append = counted(log.append)
    act(root)


def forked(work: Callable[[], Any]) -> tuple[int, Any]:
    """(exit status, result) of the work in a process of its own."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(send, json.dumps(work()).encode())
        os._exit(0)
    os.close(send)
    _, status = os.waitpid(child, 0)
    with os.fdopen(receive, "rb") as handle:
        text = handle.read()
    return status, json.loads(text) if text else None


def main(source: Path, copies: Path) -> None:
    shutil.copytree(source, copies / "0")
    look(copies / "0")  # what MLflow does once per process, done once for all forks
    rounds = []
    for nth in range(1, 100):
        root = copies / str(nth)
        shutil.copytree(source, root)
        status, _ = forked(lambda root=root, nth=nth: killed_at(root, nth))
        after_kill = champion(root)
        again = forked(lambda root=root: (act(root), look(root))[1])[1]
        if status == 0:
            break
        rounds.append(
            {"after_kill": after_kill, "after_again": again["aliases"], "audit": again["audit"], "left": again["left"]}
        )
    print(json.dumps(rounds))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
