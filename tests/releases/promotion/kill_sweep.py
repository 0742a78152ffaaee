"""`python kill_sweep.py RUN SCRATCH [WRITE …]`: a promotion is killed (SIGKILL) before a write of its, and run again.

RUN is a finished run with a champion and a better challenger; SCRATCH an empty folder for its copies. WRITE: names of
writes; without them every one is taken. Of writes of one name in a row, such as tags, the last is taken. Prints a JSON
document per kill: what stood after the kill, and after running again. What is measured is measured once, as nothing of
it is a write. The processes are forked from one that has MLflow imported but never connected.
"""

import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

from medhash.core import tracking

for variable, value in {**tracking._QUIET, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}.items():
    os.environ[variable] = value

import mlflow  # noqa: E402
import mlflow.pyfunc  # noqa: E402
from mlflow import MlflowClient  # noqa: E402

from medhash.core.files import replacing_file  # noqa: E402
from medhash.core.params import load_params  # noqa: E402
from medhash.core.workspace import Workspace  # noqa: E402
from medhash.releases import audit as audited  # noqa: E402
from medhash.releases import lease  # noqa: E402
from medhash.releases.assemble import build_release  # noqa: E402
from medhash.releases.audit import append, read_log  # noqa: E402
from medhash.releases.promotion import evidence, gates, promote, recording  # noqa: E402
from medhash.releases.promotion.latest import write_latest  # noqa: E402
from medhash.releases.promotion.query_groups import read_query_usage, turn_of, write_query_usage  # noqa: E402
from medhash.releases.registry import Registry  # noqa: E402

TODAY = date(2026, 3, 2)
CLIENT_WRITES = (
    "create_run",
    "create_model_version",
    "set_registered_model_alias",
    "set_registered_model_tag",
    "delete_registered_model_tag",
    "set_model_version_tag",
    "delete_model_version_tag",
    "log_text",
)


class Killer:
    """Kills this process before its nth write; counts them."""

    def __init__(self, nth: int) -> None:
        self.nth = nth
        self.names: list[str] = []

    def before(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def write(*given: Any, **named: Any) -> Any:
            self.names.append(name)
            if len(self.names) == self.nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **named)

        return write


def run(root: Path, measured: evidence.Evidence, nth: int) -> list[str]:
    """Promote with the challenger itq; returns the names of the writes."""
    workspace, params = Workspace(root), load_params(root / "params.yaml")
    killer = Killer(nth)
    with (
        mock.patch.multiple(
            MlflowClient, **{name: killer.before(name, getattr(MlflowClient, name)) for name in CLIENT_WRITES}
        ),
        mock.patch.object(lease, "wait"),
        mock.patch.object(recording, "write_query_usage", killer.before("write_query_usage", write_query_usage)),
        mock.patch.object(audited, "append", killer.before("append", append)),
        mock.patch.object(recording, "replacing_file", killer.before("page", replacing_file)),
        mock.patch.object(promote, "write_latest", killer.before("write_latest", write_latest)),
        mock.patch.object(gates, "stale_stages", return_value=[]),
        mock.patch.object(promote, "gather", return_value=measured),
        mock.patch.object(recording, "render_page", return_value="<!doctype html>"),
    ):
        promote.promote(workspace, params.model_copy(update={"methods": ["itq"]}), today=TODAY)
    return killer.names


def state(root: Path) -> dict[str, Any]:
    workspace = Workspace(root)
    registry = Registry(tracking.connect(workspace), "medhash-nih")
    aliases = {alias: registry.version_of(alias) for alias in ("champion", "previous")}
    champion = aliases["champion"]
    registry.fetch_checked(champion, workspace.state / "looked-at" / str(time.monotonic_ns()))
    return {
        "aliases": {alias: found and found.tags["method"] for alias, found in aliases.items()},
        "versions": len(registry.client.search_model_versions("name = 'medhash-nih'")),
        "acts": [line.entry.act for line in read_log(workspace)],
        "audit": champion.tags["audit"],
        "last": read_log(workspace)[-1].digest,
        "uses": sorted(map(len, read_query_usage(workspace).values())),
        "files": sorted(path.name for path in workspace.decisions.iterdir()),
        "left": sorted(path.name for path in workspace.state.glob("staging/*")),
    }


def looked_at_and_run_again(root: Path, measured: evidence.Evidence) -> dict[str, Any]:
    killed = state(root)
    run(root, measured, 0)
    return {"killed": killed, "again": state(root)}


def forked(work: Callable[..., Any], *given: Any) -> Any:
    """What the work returns in a process of its own; None if it was killed."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.write(writing, json.dumps(work(*given)).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    if status:
        raise SystemExit(f"the promotion ended with {status}")
    return json.loads(text)


def main(source: Path, scratch: Path, kinds: list[str]) -> None:
    workspace, params = Workspace(source), load_params(source / "params.yaml")
    for method in ("itq", "lsh"):
        build_release(workspace, params, method, scratch / method)
    turn = turn_of(TODAY, params.promote.query_groups, params.promote.query_group_days, {})
    measured = evidence.gather(workspace, params, scratch / "itq", scratch / "lsh", turn)
    shutil.copytree(source, scratch / "whole")
    names = forked(run, scratch / "whole", measured, 0)
    for nth, name in enumerate(names, 1):
        if names[nth : nth + 1] == [name] or (kinds and name not in kinds):
            continue
        root = scratch / f"killed-{nth}"
        shutil.copytree(source, root)
        assert forked(run, root, measured, nth) is None, f"not killed before write {nth}, {name}"
        print(json.dumps({"before": name} | forked(looked_at_and_run_again, root, measured)), flush=True)
        shutil.rmtree(root)


if __name__ == "__main__":
    assert mlflow.__version__
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
