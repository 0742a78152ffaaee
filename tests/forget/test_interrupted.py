"""Killed at any of its writes: somebody always serves, a whole release, and the next call ends what was begun."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from forget.holding import places_of

from components import tracking
from components.audit.log import read_log
from components.promote.registry import CHAMPION, Registry

REPOSITORY = Path(__file__).parents[2]
DEATHS = (
    "components.forget.run.write_journal, before",              # the list is written, the journal is not
    "components.forget.releases.log_release, after",            # a model logged, no version yet
    "mlflow.MlflowClient.create_model_version, after",          # the first of two made anew
    "mlflow.MlflowClient.set_registered_model_alias, after",    # the first of three aliases moved
    "components.forget.derived._remove, after",                 # the first folder of many gone
    "components.forget.run.remove_copies, before",
    "mlflow.MlflowClient.delete_model_version, after",          # the version gone, its bytes not
    "mlflow.MlflowClient.delete_logged_model, before",          # the bytes gone
    "components.forget.run.vacuum, before",
    "components.forget.run.append, after",                      # in the audit log, and the journal still there
)
CHILD = """
import importlib, os, signal, sys
import mlflow
from components.forget.__main__ import main
for death in filter(None, sys.argv[3].split(";")):
    path, when = death.split(", ")
    owner, name = path.rsplit(".", 1)
    try:
        owner = importlib.import_module(owner)
    except ModuleNotFoundError:
        owner = getattr(importlib.import_module(owner.rsplit(".", 1)[0]), owner.rsplit(".", 1)[1])
    def dying(*arguments, function=getattr(owner, name), when=when, **options):
        if when == "after":
            function(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, dying)
sys.exit(main([sys.argv[2], "--root", sys.argv[1], "--reason", "asked for"]))
"""


def run(holding, death: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", CHILD, str(holding.root), holding.patient, death], text=True,
                          capture_output=True, check=False, cwd=REPOSITORY, timeout=120, env={
                              **os.environ, "OMP_NUM_THREADS": "1"})


def test_after_any_kill_there_is_one_champion_and_its_release_is_whole_and_the_end_is_the_same(holding, tmp_path):
    registry = Registry(tracking.connect(holding.workspace), "medhash-nih")
    for number, death in enumerate(DEATHS):
        ended = run(holding, death)
        assert ended.returncode == -signal.SIGKILL, (death, ended.stdout, ended.stderr[-2000:])
        champion = registry.version_of(CHAMPION)
        assert champion is not None, death
        registry.fetch_checked(champion, tmp_path / str(number))
        assert holding.workspace.forgotten.exists(), death
    ended = run(holding, "")
    assert ended.returncode == 0, ended.stderr
    assert places_of(holding.root, holding.patient, holding.image_ids, holding.squares) == []
    entries = [line.entry for line in read_log(holding.workspace) if line.entry.act == "forget"]
    assert len(entries) == 1, "written down once, though cut off right after it"
    assert entries[0].what["images"] == 3
    assert holding.patient not in ended.stdout + ended.stderr
    versions = registry.client.search_model_versions("name = 'medhash-nih'")
    assert {version.tags["scrubbed_from"] for version in versions} == {"1", "2"}
    assert len(holding.workspace.forgotten.read_text().splitlines()) == 1
